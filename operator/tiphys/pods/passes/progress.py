"""Pass: a pod that tells its own progress gets a native sidecar that reads the file.

Source: argo-semantics 3.8, 4.4, 19.
Differs from Argo: only pods that speak of the file, or carry the annotation `progress`, are asked; others have
no such variable.
"""

import msgspec

from tiphys.model.base import Json
from tiphys.model.names import PREFIX
from tiphys.pods.draft import RUN_FOLDER, Draft, filled
from tiphys.pods.failure import PROGRESS
from tiphys.pods.passes.shim import SHIM_PATH, mount_shim

PROGRESS_VARIABLE = "ARGO_PROGRESS_FILE"
PROGRESS_FILE = f"{RUN_FOLDER}/progress"
_INHERITED = ("image", "imagePullPolicy", "securityContext")


def progress(draft: Draft) -> None:
    """Name the file to the user's containers, and add who reads it: the shim, in the image that is there anyway."""
    milliseconds = draft.settings.progress_milliseconds
    if milliseconds <= 0 or not _is_wanted(draft):
        return
    for container in _users(draft):
        draft.share_run_folder(container)
        if all(entry.get("name") != PROGRESS_VARIABLE for entry in container.get("env", ())):
            container["env"] = [*container.get("env", ()), {"name": PROGRESS_VARIABLE, "value": PROGRESS_FILE}]
    sidecar: Json = filled({
        "name": PROGRESS,
        **{key: draft.main[key] for key in _INHERITED if key in draft.main},
        "command": [SHIM_PATH, "progress", PROGRESS_FILE, str(milliseconds)],
        "restartPolicy": "Always",
        "resources": draft.settings.executor.get("resources") or {"requests": {"cpu": "1m", "memory": "4Mi"}},
    })  # fmt: skip
    draft.share_run_folder(sidecar)
    mount_shim(draft, sidecar)
    draft.add("initContainers", sidecar)


def _users(draft: Draft) -> list[Json]:
    """The containers that the user wrote to do the work."""
    written = draft.template.container_set
    names = {str(one.get("name")) for one in written.containers} if written is not None else {str(draft.main.get("name"))}
    return [one for one in draft.spec["containers"] if one.get("name") in names]


def _is_wanted(draft: Draft) -> bool:
    template = draft.template
    if template.container is None and template.script is None and template.container_set is None:
        return False
    text = msgspec.json.encode([_users(draft), template.script]).decode()
    return PREFIX + "progress" in draft.annotations or PROGRESS_VARIABLE in text or PROGRESS_FILE in text

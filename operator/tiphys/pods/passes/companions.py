"""Pass: init containers and sidecars around `main`."""

from tiphys.model.base import Json
from tiphys.pods.draft import OWN_VOLUMES, Draft


def companions(draft: Draft) -> None:
    """Init containers, native sidecars, `main`."""
    template = draft.template
    mounts = draft.main.get("volumeMounts", [])
    own = [mount for mount in mounts if mount["name"] not in OWN_VOLUMES]

    def finished(container: Json) -> Json:
        made = {key: value for key, value in container.items() if key != "mirrorVolumeMounts"}
        if container.get("mirrorVolumeMounts"):
            made["volumeMounts"] = [*made.get("volumeMounts", ()), *own]
        return made

    draft.spec["initContainers"] = [
        *(finished(container) for container in template.init_containers),
        *({**finished(container), "restartPolicy": "Always"} for container in template.sidecars),
    ]
    draft.spec["containers"] = [{key: value for key, value in draft.main.items() if value not in (None, [], {})}]

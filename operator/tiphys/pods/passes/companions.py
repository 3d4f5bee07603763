"""Pass: init containers, and sidecars that the kubelet starts before `main` and ends after it.

Source: argo-semantics 4.3, 12.4.
Differs from Argo: sidecars are native ones, so the kubelet ends them, and they run before `main` begins.
"""

from tiphys.model.base import Json
from tiphys.pods.draft import OWN_VOLUMES, Draft


def companions(draft: Draft) -> None:
    """Init containers, then native sidecars; both may mirror the mounts of `main`."""
    mounts = [mount for mount in draft.main.get("volumeMounts", ()) if mount.get("name") not in OWN_VOLUMES]
    for container in draft.template.init_containers:
        draft.add("initContainers", _with_mounts(container, mounts))
    for container in draft.template.sidecars:
        draft.add("initContainers", {**_with_mounts(container, mounts), "restartPolicy": "Always"})


def _with_mounts(container: Json, mounts: list[Json]) -> Json:
    made = {key: value for key, value in container.items() if key != "mirrorVolumeMounts"}
    if container.get("mirrorVolumeMounts"):
        own = {mount.get("mountPath") for mount in made.get("volumeMounts", ())}
        added = [mount for mount in mounts if mount.get("mountPath") not in own]
        made["volumeMounts"] = [*made.get("volumeMounts", ()), *added]
    return made

"""The container that runs our own program in a pod: how it looks like in every template that needs one."""

from tiphys.model.base import Json
from tiphys.pods.draft import Draft, filled
from tiphys.pods.merge import strategic_merge

_REQUESTS = {"requests": {"cpu": "10m", "memory": "64Mi"}}


def executor_container(draft: Draft, name: str, command: list[str]) -> Json:
    """A container of the executor image, over the defaults of the configuration (`executor`).

    Args:
        draft: Whose settings count.
        name: The container's.
        command: What it runs, its first word included.
    """
    settings = draft.settings
    own = {
        "name": name,
        "image": settings.executor.get("image") or settings.executor_image,
        "imagePullPolicy": settings.executor.get("imagePullPolicy") or settings.image_pull_policy,
        "command": command,
    }
    defaults = {"resources": _REQUESTS, **settings.executor, "args": []}
    return filled(strategic_merge(defaults, own))


def user_of(draft: Draft) -> Json:
    """The user that `main` runs as: root where nobody says so, since then only root can write for whom the image names."""
    pod = draft.spec.get("securityContext") or {}
    own = draft.main.get("securityContext") or {}
    said = {key: own[key] for key in ("runAsUser", "runAsGroup", "runAsNonRoot") if key in own}
    if said or any(key in pod for key in ("runAsUser", "runAsNonRoot")) or draft.settings.security == "restricted":
        return said
    return {"runAsUser": 0}

"""Passes: the volumes that a pod's containers mount, and no others. Source: argo-semantics 4.6, 21.3."""

from collections.abc import Iterable

from tiphys.errors import SpecError
from tiphys.model.base import Json
from tiphys.pods.draft import Draft


def volumes(draft: Draft) -> None:
    """Volumes of the template, the workflow and its claims, as far as a container mounts them."""
    present = {str(volume.get("name")) for volume in draft.spec["volumes"]}
    known = _known(draft)
    wanted = (name for name in _mounted(draft.containers()) if name in known and name not in present)
    draft.spec["volumes"] = [*(known[name] for name in dict.fromkeys(wanted)), *draft.spec["volumes"]]


def check_volumes(draft: Draft) -> None:
    """After the patches: what they mount is there too.

    Raises:
        SpecError: A container mounts what is nowhere defined.
    """
    volumes(draft)
    present = {str(volume.get("name")) for volume in draft.spec["volumes"]}
    missing = next((name for name in _mounted(draft.containers()) if name not in present), None)
    if missing is not None:
        raise SpecError(f"volume '{missing}' not found in workflow spec", path=draft.path("volumes"))


def _known(draft: Draft) -> dict[str, Json]:
    spec, status = draft.workflow.spec, draft.workflow.status
    lists = (status.persistent_volume_claims, spec.volumes, draft.template.volumes)  # the last wins
    return {str(volume.get("name")): volume for found in lists for volume in found}


def _mounted(containers: Iterable[Json]) -> list[str]:
    keys = ("volumeMounts", "volumeDevices")
    return [str(mount.get("name")) for container in containers for key in keys for mount in container.get(key) or ()]

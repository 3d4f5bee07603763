"""Artifact drivers of others in pods: each in a container of its own beside those that use it, and only where one does.

Source: argo-semantics 4.3.
Differs from Argo: a driver is one native sidecar, started before all that may need it and ended after it, where Argo has an init
container and another one beside `main`. One that is deaf to its end keeps the pod until the kubelet loses patience, not the node.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

import msgspec

from tiphys.errors import SpecError
from tiphys.model.base import Json
from tiphys.model.drivers import DRIVER_FOLDER, SOCKET, ArtifactDriver, container_of, is_driver_name
from tiphys.model.locations import PluginArtifact
from tiphys.pods.draft import Draft, filled

T = TypeVar("T", bound=msgspec.Struct)
_REQUESTS = {"requests": {"cpu": "10m", "memory": "64Mi"}}


class Placed(Protocol):
    """An artifact, or where one lies."""

    @property
    def plugin(self) -> PluginArtifact | None:
        """The driver that knows it."""


def with_driver(artifact: T, plugin: PluginArtifact | None, drivers: Mapping[str, ArtifactDriver]) -> T:
    """The artifact with what its driver's configuration adds.

    Raises:
        SpecError: The configuration knows no such driver.
    """
    if plugin is None:
        return artifact
    driver = drivers.get(plugin.name)
    if driver is None or not is_driver_name(plugin.name):
        raise _unknown(plugin.name, drivers)
    seconds = plugin.connection_timeout_seconds or driver.timeout_s
    changed: T = msgspec.structs.replace(artifact, plugin=msgspec.structs.replace(plugin, connection_timeout_seconds=seconds))
    return changed


def _unknown(name: str, drivers: Mapping[str, ArtifactDriver]) -> SpecError:
    hint = f"artifactDrivers of the configuration has {', '.join(sorted(drivers)) or 'none'}"
    return SpecError(f"there is no artifact driver {name!r}", hint=hint)


def driver_names(artifacts: Iterable[Placed]) -> list[str]:
    """The drivers that these artifacts need, once each."""
    return list(dict.fromkeys(artifact.plugin.name for artifact in artifacts if artifact.plugin is not None))


def driver_mounts(artifacts: Iterable[Placed]) -> list[Json]:
    """Where a container finds the sockets of its artifacts' drivers."""
    return [{"name": container_of(name), "mountPath": f"{DRIVER_FOLDER}/{name}"} for name in driver_names(artifacts)]


def driver_volumes(artifacts: Iterable[Placed]) -> list[Json]:
    """The folders of the drivers."""
    return [{"name": container_of(name), "emptyDir": {}} for name in driver_names(artifacts)]


def driver_containers(artifacts: Sequence[Placed], drivers: Mapping[str, ArtifactDriver], *, pull: str = "") -> list[Json]:
    """The sidecars that are the drivers, for `initContainers` before all others.

    Raises:
        SpecError: The configuration knows no such driver.
    """
    for name in driver_names(artifacts):
        if name not in drivers:
            raise _unknown(name, drivers)
    return [
        filled({
            "name": container_of(name), "image": drivers[name].image, "imagePullPolicy": pull, "restartPolicy": "Always",
            "args": [f"{DRIVER_FOLDER}/{name}/{SOCKET}"], "resources": _REQUESTS,
            "volumeMounts": [{"name": container_of(name), "mountPath": f"{DRIVER_FOLDER}/{name}"}],
        })
        for name in driver_names(artifacts)
    ]  # fmt: skip


def add_drivers(draft: Draft, artifacts: Sequence[Placed]) -> None:
    """The drivers that these artifacts need and the pod has not yet, before every container that may ask them."""
    made = driver_containers(artifacts, draft.settings.artifact_drivers, pull=draft.settings.image_pull_policy)
    for key, more in (("initContainers", made), ("volumes", driver_volumes(artifacts))):
        names = {one.get("name") for one in draft.spec[key]}
        draft.spec[key] = [*(one for one in more if one["name"] not in names), *draft.spec[key]]

"""Artifact drivers of others: their names, and where a driver and our programs meet."""

import re

import msgspec

DRIVER_FOLDER = "/artifact-plugins"
"""Holds a folder for each driver, which is a volume that both see."""
SOCKET = "socket"
_CONTAINER = "artifact-plugin-"
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,45}[a-z0-9])?")


class ArtifactDriver(msgspec.Struct, frozen=True):
    """A driver as the configuration names it.

    Attributes:
        image: Its entry point is told the path of the socket.
        timeout_s: For a connection, where the artifact does not say.
    """

    image: str
    timeout_s: int = 5


def is_driver_name(name: str) -> bool:
    """Whether a driver can have this name: it becomes part of names in a pod, and a folder."""
    return _NAME.fullmatch(name) is not None


def container_of(name: str) -> str:
    """The container of a driver, which is also the name of its volume."""
    return f"{_CONTAINER}{name}"


def is_driver_container(name: str) -> bool:
    """Whether a container is called as drivers are."""
    return name.startswith(_CONTAINER)

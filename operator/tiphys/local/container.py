"""What a container is to a runtime of this machine, and what a runtime is."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from tiphys.errors import SpecError
from tiphys.model.base import Json

TERMINATION = "/dev/termination-log"
_REFERENCE = re.compile(r"\$(\$|\(([^()]*)\))")


class Mount(msgspec.Struct, frozen=True):
    """A folder or file of this machine as it stands in a container."""

    source: Path
    target: str
    is_read_only: bool = False


class ContainerPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A container, ready to run.

    Attributes:
        name: Unique in a user's home: `<namespace>.<pod>.<container>`.
        owner: The workflow, unique on this machine.
        command: Replaces the image's entry point; empty to keep it.
        arguments: Replace the image's command; empty to keep it.
        folder: Its own scratch folder.
        log: Where standard output and standard error go.
        termination: What it may leave as its termination message.
        termination_path: Where that stands in the container.
        is_executor: It runs our own program.
        outputs: Absolute paths that the template says something will be read from.
        logins: Registry -> its entry of a file of Docker's logins.
    """

    name: str
    owner: str
    image: str
    command: tuple[str, ...]
    arguments: tuple[str, ...]
    environment: dict[str, str]
    working_folder: str
    mounts: tuple[Mount, ...]
    folder: Path
    log: Path
    termination: Path
    termination_path: str = TERMINATION
    is_executor: bool = False
    outputs: tuple[str, ...] = ()
    logins: dict[str, Json] = {}


class Handle(Protocol):
    """A container that runs."""

    @property
    def pid(self) -> int:
        """Its first process on this machine; 0 where a container runtime looks after it."""

    async def wait(self) -> int:
        """Its exit code, once it has ended; 128 + n when signal n ended it."""

    def stop(self) -> None:
        """Ask it to end."""

    def kill(self) -> None:
        """End it, and all that it started."""

    def shell(self) -> list[str]:
        """The command that opens a shell in it, for a terminal."""

    def within(self, command: Sequence[str]) -> list[str]:
        """The command that does one in it, without a terminal."""


class Runtime(Protocol):
    """Starts containers."""

    def check(self, image: str, command: Sequence[str]) -> None:
        """Refuse what is known beforehand not to run.

        Raises:
            SpecError: This runtime cannot run it.
        """

    async def start(self, plan: ContainerPlan) -> Handle:
        """Start one, in the place of one of the same name that a killed program left.

        Raises:
            SpecError: This runtime cannot run it.
            Unavailable: Not now.
        """

    async def end_left(self, owner: str) -> None:
        """End what a program that was killed left running of a workflow, as far as it is not known by its processes."""


def expanded(text: str, environment: dict[str, str]) -> str:
    """The text with `$(NAME)` replaced where the name is known; `$$` is a dollar. Source: Kubernetes' API, Container.args."""

    def replace(found: re.Match[str]) -> str:
        if found.group(1) == "$":
            return "$"
        return environment.get(found.group(2), found.group())

    return _REFERENCE.sub(replace, text)


def field_of(pod: Json, path: str) -> str:
    """What a field reference says.

    Raises:
        SpecError: Nothing is known of the field here.
    """
    meta = pod["metadata"]
    found = re.fullmatch(r"metadata\.(annotations|labels)\['(.*)'\]", path)
    if found:
        return str((meta.get(found.group(1)) or {}).get(found.group(2), ""))
    known = {
        "metadata.name": meta["name"],
        "metadata.namespace": meta["namespace"],
        "metadata.uid": meta["uid"],
        "spec.nodeName": "this-machine",
        "spec.serviceAccountName": str(pod["spec"].get("serviceAccountName", "")),
        "status.podIP": "127.0.0.1",
        "status.hostIP": "127.0.0.1",
    }
    if path not in known:
        raise SpecError(f"the field {path} is not known on this machine")
    return str(known[path])

"""Containers by podman or docker: the same image, command and mounts as in a cluster."""

import asyncio
import contextlib
import os
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from tiphys.errors import SpecError, Unavailable
from tiphys.local.container import TERMINATION, ContainerPlan, Handle
from tiphys.model.base import Json

_REGISTRY = "docker.io"
_LABEL = "io.tiphys.workflow"


class Container:
    """A container that runs: the client process that is attached to it."""

    def __init__(self, program: str, name: str, process: asyncio.subprocess.Process) -> None:
        self._program = program
        self._name = name
        self._process = process
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def pid(self) -> int:
        """None of ours: the runtime looks after it."""
        return 0

    async def wait(self) -> int:
        """Its exit code, once it has ended."""
        code = await self._process.wait()
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        return code if code >= 0 else 128 - code

    def stop(self) -> None:
        """Ask it to end."""
        self._do("kill", "--signal", "TERM", self._name)

    def kill(self) -> None:
        """End it."""
        self._do("rm", "--force", self._name)

    def shell(self) -> list[str]:
        """The command that opens a shell in it."""
        return [self._program, "exec", "--interactive", "--tty", self._name, "sh"]

    def within(self, command: Sequence[str]) -> list[str]:
        """The command that does one in it, without a terminal."""
        return [self._program, "exec", self._name, *command]

    def _do(self, *words: str) -> None:
        task = asyncio.get_running_loop().create_task(self._call(*words))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _call(self, *words: str) -> None:
        with contextlib.suppress(OSError):
            null = asyncio.subprocess.DEVNULL
            process = await asyncio.create_subprocess_exec(self._program, *words, stdin=null, stdout=null, stderr=null)
            await process.wait()


@contextlib.contextmanager
def _login(logins: dict[str, Json]) -> Iterator[dict[str, str]]:
    """The environment with which docker and podman use logins: a file of them that nobody else can read."""
    if not logins:
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="tiphys-") as folder:
        file = Path(folder) / "config.json"
        file.write_bytes(msgspec.json.encode({"auths": logins}))
        yield {"DOCKER_CONFIG": folder, "REGISTRY_AUTH_FILE": str(file)}


def whole_name(image: str) -> str:
    """The name of an image with its registry, as a cluster reads it: one that names none is of Docker's."""
    first, slash, _ = image.partition("/")
    if not slash:
        return f"{_REGISTRY}/library/{image}"
    return image if "." in first or ":" in first or first == "localhost" else f"{_REGISTRY}/{image}"


class EngineRuntime:
    """Runs containers with the program `podman` or `docker`.

    Containers share the network of this machine, as the containers of a pod share theirs.
    """

    def __init__(self, program: str) -> None:
        self._program = program

    def check(self, image: str, command: Sequence[str]) -> None:
        """Nothing is known beforehand."""

    async def start(self, plan: ContainerPlan) -> Handle:
        """Start one.

        Raises:
            SpecError: The image cannot be had.
            Unavailable: The runtime does not answer.
        """
        image = await self._have(plan.image, plan.logins)
        name = f"{plan.name}.{zlib.crc32(plan.owner.encode()):08x}"
        plan.folder.mkdir(parents=True, exist_ok=True)
        plan.log.parent.mkdir(parents=True, exist_ok=True)
        plan.termination.touch()
        words, null = self._words(plan, name, image), asyncio.subprocess.DEVNULL
        with plan.log.open("ab") as log:
            try:
                process = await asyncio.create_subprocess_exec(
                    self._program, *words, stdin=null, stdout=log, stderr=log, start_new_session=True
                )
            except OSError as e:
                raise Unavailable(f"{self._program} cannot be started: {e}") from e
        return Container(self._program, name, process)

    async def _have(self, image: str, logins: dict[str, Json]) -> str:
        """The image on this machine, pulled if need be, with logins to registries besides the user's own if there are any.

        Returns:
            What the runtime calls it.
        """
        whole = whole_name(image)
        for name in dict.fromkeys((image, whole)):
            code, said = await self._call("image", "inspect", name)
            if code == 0:
                return name
        with _login(logins) as environment:
            code, said = await self._call("pull", "--quiet", whole, **environment)
        if code == 0:
            return whole
        raise SpecError(f"image {image!r} cannot be had: {said.splitlines()[-1] if said else 'not found'}")

    async def _call(self, *words: str, **environment: str) -> tuple[int, str]:
        pipe, null = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        both = asyncio.subprocess.STDOUT
        process = await asyncio.create_subprocess_exec(
            self._program, *words, stdin=null, stdout=pipe, stderr=both, env={**os.environ, **environment}
        )
        said, _ = await process.communicate()
        return process.returncode or 0, said.decode(errors="replace").strip()

    async def end_left(self, owner: str) -> None:
        """End the containers of a workflow."""
        _, found = await self._call("ps", "--all", "--quiet", "--filter", f"label={_LABEL}={owner}")
        if found:
            await self._call("rm", "--force", *found.split())

    def _words(self, plan: ContainerPlan, name: str, image: str) -> list[str]:
        words = ["run", "--rm", "--name", name, "--label", f"{_LABEL}={plan.owner}", "--network", "host", "--log-driver", "none"]
        for key, value in plan.environment.items():
            words += ["--env", f"{key}={value}"]
        if plan.working_folder:
            words += ["--workdir", plan.working_folder]
        for mount in plan.mounts:
            words += ["--volume", f"{mount.source}:{mount.target}:{'ro' if mount.is_read_only else 'rw'}"]
        words += ["--volume", f"{plan.termination}:{plan.termination_path or TERMINATION}:rw"]
        if os.getuid() != 0:
            words += ["--userns", "keep-id"]
        if plan.command:
            words += ["--entrypoint", plan.command[0]]
        return [*words, image, *plan.command[1:], *plan.arguments]

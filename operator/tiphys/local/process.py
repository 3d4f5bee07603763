"""Containers as plain processes. Their image is ignored: they see this machine's own programs.

A container that needs files at places of its own (volumes, declared outputs, a working folder) gets its own view of the file
system (`view.py`); one that needs none of this is started as it is, in a scratch folder.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence

from tiphys.errors import SpecError
from tiphys.local.container import ContainerPlan, Handle, Mount
from tiphys.local.spawn import ended, spawn
from tiphys.local.view import entry, in_view
from tiphys.pods.passes.script import SCRIPT_PATH
from tiphys.pods.passes.shim import SHIM_PATH

_PID = "{pid}"
"""Stands for the process in the command that does another one beside it."""
_OURS = (SHIM_PATH, SCRIPT_PATH)
"""Files of ours in containers: where nothing else is mounted, commands are given their real places instead."""


class Process:
    """A process that runs, the first of its own session."""

    def __init__(self, process: "subprocess.Popen[bytes]", opening: list[str]) -> None:
        self._process = process
        self._opening = opening

    @property
    def pid(self) -> int:
        """Its number, that of its group, too."""
        return self._process.pid

    async def wait(self) -> int:
        """Its exit code, once it has ended; 128 + n when signal n ended it."""
        code = await ended(self._process)
        # what it left behind ends with it, as it would in a container
        self._signal_all(signal.SIGKILL)
        return 128 - code if code < 0 else code

    def stop(self) -> None:
        """Ask it to end."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it, and all that it started."""
        self._signal_all(signal.SIGKILL)

    def shell(self) -> list[str]:
        """The command that opens a shell beside it: in its folder, with its environment, in its view where it has one."""
        return self.within(("sh",))

    def within(self, command: Sequence[str]) -> list[str]:
        """The command that does one where a shell would be opened."""
        return [*(word.format(pid=self._process.pid) if word == _PID else word for word in self._opening), *command]

    def _signal_all(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


class ProcessRuntime:
    """Runs containers as processes of this machine."""

    def check(self, image: str, command: Sequence[str]) -> None:
        """Refuse what is known beforehand not to run.

        Raises:
            SpecError: It names no command: the image's own is not known.
        """
        if not command:
            raise SpecError(
                f"what image {image!r} runs by itself is not known without a container runtime",
                path="container.command",
                hint="name the command, or use --runtime podman",
            )

    async def end_left(self, owner: str) -> None:
        """Nothing: all are known."""

    async def start(self, plan: ContainerPlan) -> Handle:
        """Start one.

        Raises:
            SpecError: It needs a view of its own that cannot be had.
        """
        command = _command(plan)
        command = in_view(plan, command) if _needs_view(plan) else _direct(plan, command)
        plan.folder.mkdir(parents=True, exist_ok=True)
        plan.log.parent.mkdir(parents=True, exist_ok=True)
        environment = {**_base_environment(plan), **plan.environment}
        with plan.log.open("ab") as log:
            try:
                process = spawn(command, log, plan.folder, environment)
            except OSError as e:
                raise SpecError(f"{command[0]}: {e.strerror or e}", hint="is the program on this machine?") from e
        return Process(process, _opening(plan, environment))


def _opening(plan: ContainerPlan, environment: dict[str, str]) -> list[str]:
    known = ["env", "-i", *(f"{name}={value}" for name, value in environment.items()), f"TERM={os.environ.get('TERM', 'dumb')}"]
    if _needs_view(plan):
        return [*entry(), "--target", _PID, "--root", "--wd", *known]
    return [*known, "sh", "-c", 'cd "$0" && exec "$@"', str(plan.folder)]


def _command(plan: ContainerPlan) -> list[str]:
    command = [*plan.command, *plan.arguments]
    if plan.is_executor:
        place = next(i for i, word in enumerate(command) if word == "tiphys")
        command[place : place + 1] = [sys.executable, "-m", "tiphys"]
    return command


def _base_environment(plan: ContainerPlan) -> dict[str, str]:
    kept = ("PATH", "LANG", "LC_ALL", "TZ", "HOME", "USER", "LOGNAME", "VIRTUAL_ENV", "PYTHONPATH", "KUBECONFIG")
    names = kept if plan.is_executor else kept[:-1]
    return {name: os.environ[name] for name in names if name in os.environ} | {"HOSTNAME": plan.name.split(".")[1]}


def _needs_view(plan: ContainerPlan) -> bool:
    mounted = [mount for mount in plan.mounts if not any(ours.startswith(mount.target.rstrip("/") + "/") for ours in _OURS)]
    return bool(mounted or plan.outputs or plan.working_folder)


def _direct(plan: ContainerPlan, command: list[str]) -> list[str]:
    """The command with the real places of our own files."""
    made = [_real(word, plan.mounts) if word in _OURS else word for word in command]
    if command[0] == SHIM_PATH and "--termination" not in command:
        made[1:1] = ["--termination", str(plan.termination)]
    return made


def _real(path: str, mounts: tuple[Mount, ...]) -> str:
    for mount in mounts:
        folder = mount.target.rstrip("/") + "/"
        if path.startswith(folder):
            return str(mount.source / path.removeprefix(folder))
    return path

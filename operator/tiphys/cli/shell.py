"""A shell in a running container, on the terminal that the user sits at."""

import asyncio
import contextlib
import os
import shutil
import sys
import termios
import tty
from collections.abc import AsyncIterator, Iterator

from tiphys.cluster.api import Api
from tiphys.cluster.exec import PodExec
from tiphys.errors import RefusedError, SpecError
from tiphys.model.status import NodeStatus
from tiphys.model.workflow import Workflow, pod_name

_SHELL = ("/bin/sh", "-c", "command -v bash > /dev/null && exec bash || exec sh")
_CHUNK = 4096


class ThisTerminal:
    """The terminal of this program's standard input and output, key by key."""

    def size(self) -> tuple[int, int]:
        """Columns and lines."""
        found = shutil.get_terminal_size()
        return found.columns, found.lines

    async def keys(self) -> AsyncIterator[bytes]:
        """What is typed."""
        loop, number = asyncio.get_running_loop(), sys.stdin.fileno()
        typed: asyncio.Queue[bytes] = asyncio.Queue()
        loop.add_reader(number, lambda: typed.put_nowait(os.read(number, _CHUNK)))
        try:
            while content := await typed.get():
                yield content
        finally:
            loop.remove_reader(number)

    def show(self, content: bytes) -> None:
        """Show what the command says."""
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()

    @contextlib.contextmanager
    def raw(self) -> Iterator[None]:
        """Keys come as they are typed, Ctrl-C among them."""
        before = termios.tcgetattr(sys.stdin)
        tty.setraw(sys.stdin)
        try:
            yield
        finally:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


async def cluster_shell(api: Api, workflow: Workflow, node: NodeStatus) -> None:
    """Stay in a shell of a node's container in a cluster.

    Raises:
        SpecError: This program has no terminal.
        RefusedError: The container has no shell, or we have no right to open one.
    """
    if not sys.stdin.isatty():
        raise SpecError("a shell needs a terminal")
    terminal = ThisTerminal()
    with terminal.raw():
        await PodExec(api).attend(workflow.metadata.namespace, pod_name(workflow, node), "main", _SHELL, terminal)


async def run_shell(command: list[str]) -> None:
    """Stay in a shell that a program of this machine opens.

    Raises:
        RefusedError: It cannot be started.
    """
    try:
        process = await asyncio.create_subprocess_exec(*command)
    except OSError as e:
        raise RefusedError(f"{command[0]}: {e.strerror or e}") from e
    await process.wait()

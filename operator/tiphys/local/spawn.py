"""Processes of this machine: started without a copy of this program's memory, and waited for without a thread where that can be.

An event loop's own way copies the page tables of this program for each process, which takes longer than all the rest.
"""

import asyncio
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO


def spawn(command: Sequence[str], log: IO[bytes], folder: Path, environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """Start a program as the first of its own session; what it prints goes to the log.

    Raises:
        OSError: It cannot be started.
    """
    # what is started is what the user's workflow says
    return subprocess.Popen(  # noqa: S603
        command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder, env=environment, start_new_session=True
    )


async def ended(process: "subprocess.Popen[bytes]") -> int:
    """The exit code of a process, once it has ended; -n when signal n ended it."""
    descriptor = _descriptor(process.pid)
    if descriptor is None:
        return await asyncio.to_thread(process.wait)
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    loop.add_reader(descriptor, over.set)
    try:
        await over.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
    return process.wait()


def _descriptor(pid: int) -> int | None:
    """What is readable once the process has ended; None where the system has no such thing."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None

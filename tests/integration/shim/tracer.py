"""A program that stops the shim at each of its system calls and some instructions later, and tells it there to end.

Not a part of the tests' own process: that may have threads, and then what is traced dies between fork and exec now and then.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

TRACEME, CONTINUE, ONE_INSTRUCTION, TO_NEXT_SYSTEM_CALL = 0, 7, 9, 24
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.argtypes = (ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)


def be_traced() -> None:
    LIBC.ptrace(TRACEME, 0, None, None)


def stopped(pid: int, seconds: float) -> int | None:
    """The state of a traced process once it has one; nothing when that takes too long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return status
        # it is there within microseconds, or not for long; SIGCHLD may go to another thread, so nothing waits for that
        time.sleep(0.0001)
    return None


def go_on(pid: int, how: int, number: int = 0) -> None:
    assert LIBC.ptrace(how, pid, None, number) == 0, os.strerror(ctypes.get_errno())


def told_to_end_at(calls: int, instructions: int, folder: Path, shim: str, *words: str) -> tuple[int | None, bool]:
    """The exit code of the shim that gets SIGTERM so long after its start, and whether it had come to rest before."""
    folder.mkdir()
    command = [shim, "--termination", folder / "message", *(word.format(folder) for word in words)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=be_traced)  # noqa: PLW1509
    try:
        status: int | None = os.waitpid(process.pid, 0)[1]
        for how in [TO_NEXT_SYSTEM_CALL] * 2 * calls + [ONE_INSTRUCTION] * instructions:
            go_on(process.pid, how)
            status = stopped(process.pid, 1)
            if status is None or not os.WIFSTOPPED(status):
                break
        is_at_rest = status is None
        # not by Popen, which looks for an end first and would take the stop for one
        os.kill(process.pid, signal.SIGTERM)
        if is_at_rest:
            status = stopped(process.pid, 20)
        while status is not None and os.WIFSTOPPED(status):
            number = os.WSTOPSIG(status)
            go_on(process.pid, CONTINUE, number if number != signal.SIGTRAP else 0)
            status = stopped(process.pid, 20)
        if status is not None:
            process.returncode = os.waitstatus_to_exitcode(status)
        return process.returncode, is_at_rest
    finally:
        process.kill()
        process.wait()


def main() -> None:
    """Write (system calls, instructions, exit code) as lines of JSON, until the shim comes to rest before it is told."""
    calls, folder, *command = sys.argv[1:]
    for call in range(int(calls)):
        for instructions in (0, 80, 160):
            code, is_at_rest = told_to_end_at(call, instructions, Path(folder) / f"{call}-{instructions}", *command)
            print(json.dumps([call, instructions, code]))
        if is_at_rest:
            break


if __name__ == "__main__":
    main()

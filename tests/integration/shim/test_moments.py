"""A word to end is heard whenever it comes: the shim is stopped at each of its system calls and some instructions later, and told there."""

import ctypes
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from tests.integration.shim.test_shim import SHIM

TRACEME, CONTINUE, ONE_INSTRUCTION, TO_NEXT_SYSTEM_CALL = 0, 7, 9, 24
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.argtypes = (ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
ENDED = (143, -signal.SIGTERM)
"""By its own word, and before it listens as any process ends."""


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


def told_to_end_at(calls: int, instructions: int, folder: Path, *words: str) -> tuple[int | None, bool]:
    """The exit code of the shim that gets SIGTERM so long after its start, and whether it had come to rest before."""
    folder.mkdir()
    command = [SHIM, "--termination", folder / "message", *(word.format(folder) for word in words)]
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


@pytest.mark.parametrize(
    ("words", "codes", "calls"),
    [
        pytest.param(("--order", "b={}/order", "--after", "a", "--", "true"), ENDED, 25, id="while it waits for its turn"),
        pytest.param(
            ("--order", "a={}/order", "--retry", "9=600000", "--", "false"), (1, *ENDED), 40, id="before it tries again"
        ),
        pytest.param(("--result", "--", "sleep", "60"), ENDED, 26, id="before and while its command runs"),
    ],
)
def test_a_word_to_end_is_heard_at_any_moment(tmp_path: Path, words: tuple[str, ...], codes: tuple[int, ...], calls: int) -> None:
    for call in range(calls):
        for instructions in (0, 80, 160):
            code, is_at_rest = told_to_end_at(call, instructions, tmp_path / f"{call}-{instructions}", *words)
            assert code in codes, f"after {call} system calls and {instructions} instructions"
        if is_at_rest:
            break

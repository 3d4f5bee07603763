"""What users see and type: a program on a terminal."""

import fcntl
import os
import pathlib
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping

ROOT = pathlib.Path(__file__).parents[1]


class Screen:
    """`tiphys` with some words, on a terminal of its own."""

    def __init__(self, environment: Mapping[str, str], *words: str) -> None:
        self.number, inner = pty.openpty()
        known = {**environment, "TERM": "xterm-256color", "COLUMNS": "150", "LINES": "40"}
        # its controlling terminal, as a shell's
        command = ["setsid", "--ctty", sys.executable, "-m", "tiphys", *words]
        self.program = subprocess.Popen(command, stdin=inner, stdout=inner, stderr=inner, cwd=ROOT, env=known)
        os.close(inner)
        self.seen = b""
        fcntl.ioctl(self.number, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 150, 0, 0))

    def until(self, pattern: str, *, pressing: str = "") -> None:
        """Read until something is seen; with keys that are pressed again as long as it is not."""
        end, next_press = time.monotonic() + 60, time.monotonic()
        while not re.search(pattern.encode(), self.seen):
            self._check(end)
            if pressing and time.monotonic() >= next_press:
                self.press(pressing)
                next_press = time.monotonic() + 1
            self._read()

    def press(self, keys: str) -> None:
        os.write(self.number, keys.encode())

    def _check(self, end: float) -> None:
        if time.monotonic() >= end:
            self.program.kill()
            raise AssertionError(self.seen[-4000:])

    def _read(self) -> bool:
        if not select.select([self.number], [], [], 0.1)[0]:
            return self.program.poll() is None
        try:
            self.seen += os.read(self.number, 65536)
        except OSError:
            return False
        return True

    def ended(self) -> int:
        end = time.monotonic() + 60
        while self._read():
            self._check(end)
        return self.program.wait(timeout=30)

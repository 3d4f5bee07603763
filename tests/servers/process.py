"""Starting a program, waiting until its port answers, and ending it."""

import contextlib
import itertools
import os
import pathlib
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

# below those that the system gives to connections that go out; each process of tests begins elsewhere
_PORTS = 10_000
_FIRST = 20_000
_next = itertools.count(os.getpid() * 97)


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody listens on, and that no connection gets before it is used."""
    for number in itertools.islice(_next, _PORTS):
        port = _FIRST + number % _PORTS
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                one.bind((host, port))
                return port
    raise AssertionError("no port is free")


def listening(port: int = 0) -> socket.socket:
    """A socket that listens, and is known to be TCP: the event loop sends at once then, and an answer in two pieces waits for nobody."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("127.0.0.1", port))
    made.listen()
    return made


def wait_for_port(port: int, process: subprocess.Popen[bytes], log: pathlib.Path, host: str = "127.0.0.1", seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()
        try:
            socket.create_connection((host, port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"port {port} does not answer: {log.read_text()}")


@contextmanager
def running(
    command: list[object], port: int, log: pathlib.Path, env: Mapping[str, str] | None = None, host: str = "127.0.0.1"
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as output:
        process = subprocess.Popen([str(part) for part in command], stdout=output, stderr=output, env=env)
    try:
        wait_for_port(port, process, log, host)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)

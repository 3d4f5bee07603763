"""Starting a program, waiting until its port answers, and ending it."""

import pathlib
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


def free_port(host: str = "127.0.0.1") -> int:
    with socket.socket() as one:
        one.bind((host, 0))
        return int(one.getsockname()[1])


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

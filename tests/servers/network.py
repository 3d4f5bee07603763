"""A network of a browser's own: Chromium drops its connections whenever an interface of the machine comes or goes, as with every pod.

Only a loopback interface is in it. Servers outside listen inside by sockets that were opened there. Who may not make one (it takes
root) shares the machine's.
"""

import asyncio
import contextlib
import ctypes
import fcntl
import os
import pathlib
import socket
import struct
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tests.servers.process import listening

_NEW_NETWORK = 0x40000000
_GET_FLAGS, _SET_FLAGS, _IS_UP = 0x8913, 0x8914, 0x1
_REQUEST = "16sh14x"
_LIBC = ctypes.CDLL(None, use_errno=True)
T = TypeVar("T")


class Network:
    """One such network; it is gone when nobody is in it any more."""

    def __init__(self) -> None:
        # a thread is in a network of its own: this one stays there
        self._thread = ThreadPoolExecutor(1)
        self._space = self._thread.submit(self._enter).result()

    @staticmethod
    def _enter() -> int | None:
        if _LIBC.unshare(_NEW_NETWORK) != 0:
            return None
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            _, flags = struct.unpack(_REQUEST, fcntl.ioctl(one, _GET_FLAGS, struct.pack(_REQUEST, b"lo", 0)))
            fcntl.ioctl(one, _SET_FLAGS, struct.pack(_REQUEST, b"lo", flags | _IS_UP))
        return os.open("/proc/thread-self/ns/net", os.O_RDONLY)

    def close(self) -> None:
        """Leave it."""
        self._thread.shutdown()
        if self._space is not None:
            os.close(self._space)

    def inside(self, work: Callable[[], T]) -> T:
        """Do something in it."""
        return self._thread.submit(work).result()

    def listener(self, port: int = 0) -> socket.socket:
        """A socket that listens on its loopback address."""
        return self.inside(lambda: listening(port))

    def program(self, path: str, folder: pathlib.Path) -> pathlib.Path:
        """A program that runs another one in it."""
        if self._space is None:
            return pathlib.Path(path)
        made = folder / pathlib.Path(path).name
        made.write_text(f'#!/bin/sh\nexec nsenter --net=/proc/{os.getpid()}/fd/{self._space} {path} "$@"\n')
        made.chmod(0o755)
        return made

    @contextlib.asynccontextmanager
    async def reached(self, port: int) -> AsyncIterator[None]:
        """The machine's own port is reached from inside by the same number."""
        if self._space is None:
            yield
            return
        server = await asyncio.start_server(lambda reader, writer: _connect(reader, writer, port), sock=self.listener(port))
        try:
            yield
        finally:
            server.close()


async def _connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    try:
        there, back = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        writer.close()
        return
    await asyncio.gather(_pump(reader, back), _pump(there, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
    writer.close()

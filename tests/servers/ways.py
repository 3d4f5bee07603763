"""Ways to an API server: TLS before it, and a proxy that is asked for a tunnel."""

import asyncio
import contextlib
import pathlib
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

from tests.servers.certificates import certificates

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Way:
    """What is connected to.

    Attributes:
        port: Of this machine.
        asked: The first lines of all connections: what a request, or who asks for a tunnel, says.
        is_silent: Nothing is answered, and nothing passed on.
    """

    def __init__(self) -> None:
        self.port = 0
        self.asked: list[str] = []
        self.is_silent = False


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while part := await reader.read(65536):
            writer.write(part)
            await writer.drain()
    with contextlib.suppress(OSError, RuntimeError):
        writer.close()


async def _join(one: tuple[asyncio.StreamReader, asyncio.StreamWriter], host: str, port: int, first: bytes) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(first)
    await asyncio.gather(_pass_on(one[0], writer), _pass_on(reader, one[1]))


@contextlib.asynccontextmanager
async def _open(way: Way, tls: ssl.SSLContext | None, serve: Serve) -> AsyncIterator[Way]:
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    way.port = server.sockets[0].getsockname()[1]
    try:
        yield way
    finally:
        server.close()


@contextlib.asynccontextmanager
async def tls_before(port: int, folder: pathlib.Path, name: str) -> AsyncIterator[Way]:
    """TLS in front of what listens on a port, with a certificate for `name`; the authority is `ca.crt` in the folder."""
    await asyncio.to_thread(certificates, folder, "10.9.8.7", name)
    context, way = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), Way()
    context.load_cert_chain(folder / "server.crt", folder / "server.key")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            head = await reader.readuntil(b"\r\n\r\n")
            way.asked.append(head.decode())
            if way.is_silent:
                await reader.read()
            else:
                await _join((reader, writer), "127.0.0.1", port, head)

    async with _open(way, context, serve):
        yield way


@contextlib.asynccontextmanager
async def proxy() -> AsyncIterator[Way]:
    """A proxy that makes tunnels."""
    way = Way()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            way.asked.append(head)
            verb, target, _ = head.split(" ", 2)
            if verb != "CONNECT":
                writer.write(b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n")
                return
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            host, _, port = target.rpartition(":")
            await _join((reader, writer), host, int(port), b"")

    async with _open(way, None, serve):
        yield way


@contextlib.contextmanager
def proxy_beside() -> Iterator[Way]:
    """A proxy in a thread of its own."""
    loop, opened = asyncio.new_event_loop(), proxy()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield asyncio.run_coroutine_threadsafe(opened.__aenter__(), loop).result()
    finally:
        asyncio.run_coroutine_threadsafe(opened.__aexit__(None, None, None), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

"""The way into a run for other programs of the same user: a socket that the process of the run answers at once.

It is in a folder that nobody else can enter; where that is, is remembered beside the process that runs the workflow.
"""

import asyncio
import contextlib
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import msgspec

from tiphys.errors import Unavailable
from tiphys.model.base import UNREADABLE

_PREFIX, _NAME = "tiphys-", "run"
_SECONDS = 30.0
"""How long a process may take to answer; it does so between two of its steps."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One request to the API of a machine.

    Attributes:
        verb: As in HTTP.
        path: With a leading slash.
        body: A JSON object; empty for none.
    """

    verb: str
    path: str
    query: dict[str, str] = {}
    headers: dict[str, str] = {}
    body: bytes = b""


class Reply(msgspec.Struct, frozen=True):
    """The answer: an HTTP status, and a JSON object."""

    status: int
    content: bytes


@contextlib.contextmanager
def listening() -> Iterator[socket.socket]:
    """A socket in a new folder of this user's own; who asks there waits until somebody answers."""
    # the paths of sockets are short: that of the state may not be
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    made = socket.socket(socket.AF_UNIX)
    try:
        made.bind(str(folder / _NAME))
        made.listen()
        yield made
    finally:
        made.close()
        remove(folder / _NAME)


@contextlib.asynccontextmanager
async def answering(listener: socket.socket, answer: Callable[[Message], Reply]) -> AsyncIterator[None]:
    """Answer what comes by a socket, as long as the context lasts."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError), contextlib.closing(writer):
            try:
                message = msgspec.json.decode(await reader.read(), type=Message)
            except UNREADABLE as e:
                reply = Reply(400, msgspec.json.encode({"kind": "Status", "message": str(e), "reason": "BadRequest"}))
            else:
                reply = answer(message)
            writer.write(msgspec.json.encode(reply))
            await writer.drain()

    server = await asyncio.start_unix_server(serve, sock=listener)
    try:
        yield
    finally:
        server.close()


def is_ours(path: object) -> bool:
    """Whether this can be the path of such a socket: what a damaged file says is never removed."""
    return isinstance(path, str) and "\0" not in path and Path(path).name == _NAME and Path(path).parent.name.startswith(_PREFIX)


def remove(path: Path) -> None:
    """Remove a socket, with its folder: also one that a killed process left."""
    shutil.rmtree(path.parent, ignore_errors=True)


async def ask(path: Path, message: Message) -> Reply:
    """The answer of the process that listens at a socket.

    Raises:
        Unavailable: Nobody answers there.
    """
    try:
        async with asyncio.timeout(_SECONDS):
            reader, writer = await asyncio.open_unix_connection(path)
            with contextlib.closing(writer):
                writer.write(msgspec.json.encode(message))
                writer.write_eof()
                return msgspec.json.decode(await reader.read(), type=Reply)
    except (OSError, TimeoutError, *UNREADABLE) as e:
        raise Unavailable(f"the process that runs the workflow does not answer: {e or type(e).__name__}", hint="try again") from e

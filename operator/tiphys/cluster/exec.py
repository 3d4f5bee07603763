"""Commands in running containers, by way of the API server.

Source: Kubernetes' remote command protocol, version 4, over a WebSocket.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Protocol

import aiohttp
import msgspec

from tiphys.cluster.api import Api, as_error, path_of
from tiphys.errors import RefusedError, Unavailable
from tiphys.model.base import UNREADABLE

_PROTOCOL = "v4.channel.k8s.io"
_ERROR_CHANNEL, _RESIZE_CHANNEL = 3, 4
_SECONDS = 15.0


class _Verdict(msgspec.Struct, frozen=True):
    status: str = ""
    reason: str = ""
    message: str = ""


class Terminal(Protocol):
    """Where somebody sits."""

    def size(self) -> tuple[int, int]:
        """Columns and lines."""

    def keys(self) -> AsyncIterator[bytes]:
        """What is typed."""

    def show(self, content: bytes) -> None:
        """Show what the command says."""


class PodExec:
    """Runs commands in containers."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def run(self, namespace: str, pod: str, container: str, command: tuple[str, ...]) -> None:
        """Return when the command has ended well; what it prints is not read.

        Raises:
            RefusedError: It ended badly, it is not there, or we have no right to run it.
            OutsideError: Nobody knows.
        """
        wanted = {"stdout": "true", "stderr": "true"}
        async with asyncio.timeout(_SECONDS), self._open(namespace, pod, container, command, wanted) as channel:
            async for message in channel:
                if message.type is aiohttp.WSMsgType.BINARY and message.data[:1] == bytes([_ERROR_CHANNEL]):
                    _judge(message.data[1:])

    async def attend(
        self, namespace: str, pod: str, container: str, command: tuple[str, ...], terminal: Terminal
    ) -> None:
        """Let somebody talk with a command on a terminal, until it ends; how it ends does not matter.

        Raises:
            RefusedError: It cannot be started, it is not there, or we have no right to run it.
            OutsideError: The connection broke.
        """
        wanted = {"stdin": "true", "stdout": "true", "tty": "true"}
        async with self._open(namespace, pod, container, command, wanted) as channel:
            columns, lines = terminal.size()
            await channel.send_bytes(bytes([_RESIZE_CHANNEL]) + msgspec.json.encode({"Width": columns, "Height": lines}))
            typing = asyncio.get_running_loop().create_task(_type(channel, terminal))
            try:
                async for message in channel:
                    if message.type is not aiohttp.WSMsgType.BINARY:
                        continue
                    if message.data[:1] == bytes([_ERROR_CHANNEL]):
                        _judge_start(message.data[1:])
                    else:
                        terminal.show(message.data[1:])
            finally:
                typing.cancel()

    @contextlib.asynccontextmanager
    async def _open(
        self, namespace: str, pod: str, container: str, command: tuple[str, ...], wanted: Mapping[str, str]
    ) -> AsyncIterator["aiohttp.ClientWebSocketResponse"]:
        query = [("container", container), *wanted.items(), *(("command", word) for word in command)]
        path = path_of("Pod", namespace, pod) + "/exec"
        try:
            async with self._api.session.ws_connect(
                path, params=query, headers=self._api.headers(), protocols=(_PROTOCOL,)
            ) as channel:
                yield channel
        except aiohttp.WSServerHandshakeError as e:
            raise as_error(e.status, str(e.message).encode()) from e
        except (aiohttp.ClientError, TimeoutError, OSError) as e:
            raise Unavailable(f"command in {pod} broke: {e or type(e).__name__}") from e


async def _type(channel: "aiohttp.ClientWebSocketResponse", terminal: Terminal) -> None:
    async for keys in terminal.keys():
        await channel.send_bytes(b"\0" + keys)


def _judge_start(content: bytes) -> None:
    """A command that ran may have ended as it liked; one that could not be started is told."""
    with contextlib.suppress(msgspec.DecodeError):
        if msgspec.json.decode(content, type=_Verdict).reason == "NonZeroExitCode":
            return
    _judge(content)


def _judge(content: bytes) -> None:
    try:
        verdict = msgspec.json.decode(content, type=_Verdict)
    except UNREADABLE:
        verdict = _Verdict(message=content.decode(errors="replace"))
    if verdict.status != "Success":
        raise RefusedError(verdict.message or "the command failed")

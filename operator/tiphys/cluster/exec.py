"""Commands in running containers, by way of the API server.

Source: Kubernetes' remote command protocol, version 4, over a WebSocket.
"""

import asyncio

import aiohttp
import msgspec

from tiphys.cluster.api import Api, as_error, path_of
from tiphys.errors import RefusedError, Unavailable

_PROTOCOL = "v4.channel.k8s.io"
_ERROR_CHANNEL = 3
_SECONDS = 15.0


class _Verdict(msgspec.Struct, frozen=True):
    status: str = ""
    message: str = ""


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
        query = [("container", container), ("stdout", "true"), ("stderr", "true"), *(("command", word) for word in command)]
        path = path_of("Pod", namespace, pod) + "/exec"
        try:
            async with (
                asyncio.timeout(_SECONDS),
                self._api.session.ws_connect(
                    path, params=query, headers=self._api.headers(), protocols=(_PROTOCOL,)
                ) as channel,
            ):  # fmt: skip
                async for message in channel:
                    if message.type is aiohttp.WSMsgType.BINARY and message.data[:1] == bytes([_ERROR_CHANNEL]):
                        _judge(message.data[1:])
        except aiohttp.WSServerHandshakeError as e:
            raise as_error(e.status, str(e.message).encode()) from e
        except (aiohttp.ClientError, TimeoutError, OSError) as e:
            raise Unavailable(f"command in {pod} broke: {e or type(e).__name__}") from e


def _judge(content: bytes) -> None:
    try:
        verdict = msgspec.json.decode(content, type=_Verdict)
    except msgspec.DecodeError:
        verdict = _Verdict(message=content.decode(errors="replace"))
    if verdict.status != "Success":
        raise RefusedError(verdict.message or "the command failed")

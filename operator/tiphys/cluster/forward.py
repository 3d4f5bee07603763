"""A way from this machine to a Service of the cluster: a port of this machine, forwarded to one of the Service's pods.

Source: Kubernetes' port-forward protocol, version 4, over a WebSocket: each frame is a channel (0 content, 1 error) and bytes;
the first frame of a channel is the port.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from tiphys.cluster.api import Api, path_of
from tiphys.errors import NotFound

if TYPE_CHECKING:
    import aiohttp

log = logging.getLogger(__name__)
_PROTOCOL = "v4.channel.k8s.io"
_CONTENT, _ERROR = 0, 1
_PORT_FRAME = 3
_CHUNK = 64 * 1024


class _Port(msgspec.Struct, frozen=True, rename="camel"):
    port: int
    target_port: int | str = 0


class _ServiceSpec(msgspec.Struct, frozen=True):
    selector: dict[str, str] = {}
    ports: tuple[_Port, ...] = ()


class _Service(msgspec.Struct, frozen=True):
    spec: _ServiceSpec = _ServiceSpec()


def service_of(host: str, namespace: str) -> tuple[str, str] | None:
    """Namespace and name of the Service that a host name means inside the cluster; None for one that means none."""
    name, _, rest = host.partition(".")
    place, _, suffix = rest.partition(".")
    if not name or (suffix and suffix.partition(".")[0] != "svc"):
        return None
    return place or namespace, name


@contextlib.asynccontextmanager
async def forwarded(api: Api, namespace: str, service: str, port: int) -> AsyncIterator[tuple[str, int]]:
    """Host and port on this machine that lead to the Service.

    Raises:
        NotFound: There is no such Service, or no pod behind it runs.
    """
    pod, target = await _pod_of(api, namespace, service, port)
    path = path_of("Pod", namespace, pod) + "/portforward"
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 a callback of the server is a task
        connections.add(task)
        try:
            # ended with the way itself, which is no error of this connection
            with contextlib.suppress(asyncio.CancelledError):
                await _join(api, path, target, reader, writer)
        finally:
            connections.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[:2]
    finally:
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


async def _pod_of(api: Api, namespace: str, service: str, port: int) -> tuple[str, int]:
    """A pod behind a Service that is ready, and the port of it that is meant."""
    spec = msgspec.json.decode(await api.read("Service", namespace, service), type=_Service).spec
    wanted = next((one.target_port or one.port for one in spec.ports if one.port == port), port)
    labels = ",".join(f"{key}={value}" for key, value in spec.selector.items())
    if labels:
        async for page in api.list("Pod", namespace, labels=labels):
            for raw in page.items:
                pod = msgspec.json.decode(raw)
                if _is_ready(pod):
                    return str(pod["metadata"]["name"]), _number(pod, wanted)
    raise NotFound(f"no pod behind Service {namespace}/{service} is ready")


def _is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions)


def _number(pod: Mapping[str, Any], port: int | str) -> int:
    if isinstance(port, int):
        return port
    ports = (one for container in pod["spec"]["containers"] for one in container.get("ports") or ())
    found = next((one["containerPort"] for one in ports if one.get("name") == port), None)
    if found is None:
        raise NotFound(f"pod {pod['metadata']['name']} has no port named {port}")
    return int(found)


async def _join(api: Api, path: str, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry bytes both ways until one side ends."""
    import aiohttp

    try:
        async with api.session.ws_connect(
            path, params={"ports": str(port)}, headers=api.headers(), protocols=(_PROTOCOL,), max_msg_size=0
        ) as channel:  # fmt: skip
            up = asyncio.create_task(_up(reader, channel))
            try:
                await _down(channel, writer)
            finally:
                up.cancel()
                await asyncio.gather(up, return_exceptions=True)
    except (aiohttp.ClientError, OSError) as e:
        log.warning("the way to port %d broke: %s", port, e or type(e).__name__)
    finally:
        writer.close()


async def _up(reader: asyncio.StreamReader, channel: "aiohttp.ClientWebSocketResponse") -> None:
    while part := await reader.read(_CHUNK):
        await channel.send_bytes(bytes([_CONTENT]) + part)
    await channel.close()


async def _down(channel: "aiohttp.ClientWebSocketResponse", writer: asyncio.StreamWriter) -> None:
    begun: set[int] = set()
    async for message in channel:
        data = message.data
        if not isinstance(data, bytes) or not data:
            continue
        if data[0] not in begun and len(data) == _PORT_FRAME:
            begun.add(data[0])
        elif data[0] == _CONTENT:
            writer.write(data[1:])
            await writer.drain()
        elif data[0] == _ERROR:
            log.warning("the other end of a forwarded port: %s", data[1:].decode(errors="replace"))
            return

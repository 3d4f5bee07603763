"""Readiness probes: whoever waits for a server that runs as a daemon waits until it answers.

Source: Kubernetes' API, Container.readinessProbe.
"""

import asyncio
from typing import Any

import aiohttp

from tiphys.errors import SpecError
from tiphys.local.container import Handle
from tiphys.model.base import Json

_KINDS = ("httpGet", "tcpSocket", "exec")
_HERE = "127.0.0.1"


def check_probe(container: Json) -> None:
    """Refuse a probe that is not made on this machine.

    Raises:
        SpecError: It is none of `httpGet`, `tcpSocket` and `exec`.
    """
    probe = container.get("readinessProbe") or {}
    if probe and not any(kind in probe for kind in _KINDS):
        raise SpecError("this machine makes no such probe", path="container.readinessProbe", hint=f"it makes {', '.join(_KINDS)}")


async def until_ready(container: Json, handle: Handle) -> None:
    """Return when a container's readiness probe has succeeded as many times in a row as it says."""
    probe: Any = container["readinessProbe"]
    await asyncio.sleep(probe.get("initialDelaySeconds") or 0)
    successes = 0
    while True:
        successes = successes + 1 if await _succeeds(probe, container, handle) else 0
        if successes >= (probe.get("successThreshold") or 1):
            return
        await asyncio.sleep(probe.get("periodSeconds") or 10)


async def _succeeds(probe: Json, container: Json, handle: Handle) -> bool:
    try:
        async with asyncio.timeout(probe.get("timeoutSeconds") or 1):
            if "httpGet" in probe:
                return await _http(probe["httpGet"], container)
            if "tcpSocket" in probe:
                said = probe["tcpSocket"]
                _, writer = await asyncio.open_connection(said.get("host") or _HERE, _port(said.get("port"), container))
                writer.close()
                return True
            return await _exec(handle.within(probe["exec"].get("command") or ()))
    except (OSError, TimeoutError, ValueError, aiohttp.ClientError):
        return False


async def _http(said: Json, container: Json) -> bool:
    scheme, host = str(said.get("scheme") or "HTTP").lower(), said.get("host") or _HERE
    url = f"{scheme}://{host}:{_port(said.get('port'), container)}/{str(said.get('path') or '/').removeprefix('/')}"
    headers = {str(one["name"]): str(one.get("value", "")) for one in said.get("httpHeaders") or ()}
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers, ssl=False, allow_redirects=False) as answer:
        return 200 <= answer.status < 400


async def _exec(words: list[str]) -> bool:
    null = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*words, stdin=null, stdout=null, stderr=null)
    try:
        return await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()


def _port(said: object, container: Json) -> int:
    """The number of a port that is said by number or name."""
    named = {one.get("name"): one.get("containerPort") for one in container.get("ports") or ()}
    return int(named.get(said) or str(said))

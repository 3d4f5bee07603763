"""A plugin template, offered to each executor plugin beside the agent until one takes it.

Source: argo-semantics 18.4.
"""

import asyncio
from pathlib import Path

import aiohttp
import msgspec

from tiphys.errors import SpecError
from tiphys.model.base import UNREADABLE, Json
from tiphys.model.durations import parse_duration
from tiphys.model.parse import to_json
from tiphys.model.phases import ERROR, FULFILLED
from tiphys.model.task_set import PluginServer, TaskResult
from tiphys.model.template import Template

_PATH = "/api/v1/template.execute"
_SECONDS = 30
_START_SECONDS = 60.0
_UNSUPPORTED = 404


class Reply(msgspec.Struct, frozen=True):
    """What a plugin says; no node means that the template is not its own."""

    node: TaskResult | None = None
    requeue: str = ""


async def do_plugin(template: Template, workflow: Json, servers: tuple[PluginServer, ...]) -> TaskResult:
    """Have it done by whoever takes it; asked again until the phase is the last one."""
    request = {"workflow": {"metadata": workflow}, "template": to_json(template)}
    timeout = aiohttp.ClientTimeout(total=_SECONDS)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session:
            for server in servers:
                result = await _ask(session, server, request)
                if result is not None:
                    return result
    except (aiohttp.ClientError, OSError, TimeoutError, *UNREADABLE, SpecError) as e:
        return TaskResult(phase=ERROR, message=f"the plugin failed: {e or type(e).__name__}")
    return TaskResult(phase=ERROR, message="no plugin executed the template")


async def _ask(session: aiohttp.ClientSession, server: PluginServer, request: Json) -> TaskResult | None:
    while True:
        reply = await _once(session, server, request)
        if reply.node is None or reply.node.phase in FULFILLED or not reply.requeue:
            return reply.node
        await asyncio.sleep(max(1.0, parse_duration(reply.requeue).total_seconds()))


async def _once(session: aiohttp.ClientSession, server: PluginServer, request: Json) -> Reply:
    headers = {"Authorization": f"Bearer {_token(server)}"}
    loop = asyncio.get_running_loop()
    end = loop.time() + _START_SECONDS
    while True:
        try:
            async with session.post(server.address + _PATH, json=request, headers=headers) as answer:
                status, content = answer.status, await answer.read()
        except aiohttp.ClientConnectionError:
            # it may not be up yet
            if loop.time() > end:
                raise
        else:
            if status < 500 or loop.time() > end:
                return _reply(server, status, content)
        await asyncio.sleep(0.5)


def _reply(server: PluginServer, status: int, content: bytes) -> Reply:
    if status == _UNSUPPORTED:
        return Reply()
    if status >= 400:
        raise SpecError(f"{server.name} answered HTTP {status}: {content[:200].decode(errors='replace')}")
    return msgspec.json.decode(content, type=Reply) if content.strip() else Reply()


def _token(server: PluginServer) -> str:
    path = Path(server.token_file)
    return path.read_text() if server.token_file and path.exists() else ""

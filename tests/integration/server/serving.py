"""The server on a small cluster of its own."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import uvicorn
from tests.servers.process import listening

from tiphys.local.objects import Place
from tiphys.server.app import make_app
from tiphys.server.kept import Kept
from tiphys.server.subject import Gate
from tiphys.testing.apiserver import APIServer

ARGO = "apis/argoproj.io/v1alpha1"
SPEC = {"entrypoint": "main", "templates": [{"name": "main", "container": {"image": "i", "command": ["a"]}}]}
TOKEN = {"Authorization": "Bearer secret"}


class Served:
    """The server over its own small cluster."""

    def __init__(self, cluster: APIServer, address: str, session: aiohttp.ClientSession) -> None:
        self.cluster, self.address, self.session = cluster, address, session

    async def ask(self, verb: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        async with self.session.request(
            verb, self.address + path, json=body, headers=TOKEN if headers is None else headers
        ) as answer:
            return answer.status, json.loads(await answer.read())

    def put(self, name: str, plural: str = "workflows", namespace: str = "ns", **more: Any) -> None:
        self.cluster.store.create(Place(ARGO, plural, namespace, name), {"metadata": {"name": name}, "spec": SPEC, **more})

    def stored(self, name: str, plural: str = "workflows") -> dict[str, Any]:
        return self.cluster.store.read(Place(ARGO, plural, "ns", name))


@contextlib.asynccontextmanager
async def running(cluster: APIServer, gate: Gate, kept: Kept | None = None) -> AsyncIterator[Served]:
    """The server as it serves, until the end."""
    listener = listening()
    program = uvicorn.Server(uvicorn.Config(make_app(gate, kept=kept), log_config=None, timeout_graceful_shutdown=1))
    task = asyncio.create_task(program.serve([listener]))
    async with aiohttp.ClientSession() as session:
        while not program.started:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        yield Served(cluster, f"http://127.0.0.1:{listener.getsockname()[1]}", session)
    program.should_exit = True
    await task
    listener.close()

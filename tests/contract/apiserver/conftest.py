"""One suite for two API servers: the small one of the tests, and a real one with `TIPHYS_API_SERVER=real`.

What the small one did differently from the real one would make every test on it worthless.
"""

import asyncio
import os
import pathlib
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import pytest

from tiphys.cluster.api import Api, path_of
from tiphys.cluster.connection import Access, find_access
from tiphys.errors import AlreadyExists, TiphysError
from tiphys.testing.apiserver import APIServer, Ending
from tiphys.testing.apiserver.rights import User

HOME = pathlib.Path(os.environ.get("TIPHYS_CLUSTER_DIR", "/var/tmp/tiphys-cluster"))  # noqa: S108


class World:
    """An API server, and a namespace of it that is the test's own."""

    def __init__(self, api: Api, namespace: str, *, is_real: bool) -> None:
        self.api = api
        self.namespace = namespace
        self.is_real = is_real

    def config_map(self, name: str, **fields: Any) -> dict[str, Any]:
        meta = {"name": name, **fields.pop("metadata", {})}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"a": "1"}, **fields}

    def pod(self, name: str, command: str, **meta: Any) -> dict[str, Any]:
        main = {"name": "main", "image": "alpine", "command": ["sh", "-c", command], "imagePullPolicy": "IfNotPresent"}
        spec = {"restartPolicy": "Never", "automountServiceAccountToken": False, "containers": [main]}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, **meta}, "spec": spec}

    async def read(self, kind: str, name: str) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.json.decode(await self.api.read(kind, self.namespace, name))
        return found

    async def create_pod(self, manifest: dict[str, Any]) -> None:
        async def created() -> bool:
            try:
                await self.api.create("Pod", self.namespace, manifest)
            except AlreadyExists:
                return True
            except TiphysError as e:
                # a new namespace gets its service account a moment later
                if "serviceaccount" not in e.message:
                    raise
                return False
            return True

        await eventually(created)


async def eventually(reached: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    """Return when it is true."""
    async with asyncio.timeout(seconds):
        while not await reached():  # noqa: ASYNC110 the server is asked
            await asyncio.sleep(0.05)


def behave(pod: dict[str, Any]) -> Ending:
    """What the shell commands of these tests do."""
    command = pod["spec"]["containers"][0]["command"][-1]
    if command.startswith("sleep"):
        return Ending(hangs=True)
    if command.startswith("exit"):
        return Ending(exit_code=int(command.split()[1]))
    return Ending(log=b"".join(f"{word}\n".encode() for word in command.removeprefix("printf '%s\\n' ").split()))


@pytest.fixture
async def world() -> AsyncIterator[World]:
    name = f"contract-{uuid.uuid4().hex[:8]}"
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    if os.environ.get("TIPHYS_API_SERVER") == "real":
        async with Api(find_access(str(HOME / "kubeconfig"))) as api:
            await api.call("POST", "Namespace", path_of("Namespace", ""), body=namespace)
            yield World(api, name, is_real=True)
            await api.delete("Namespace", "", name)
        return
    async with APIServer(behave) as server, Api(Access(server=server.address, token=lambda: "all")) as api:
        server.users.add("all", User("administrator", lambda *_: True))
        server.bookmark_seconds = 0.2
        await api.call("POST", "Namespace", path_of("Namespace", ""), body=namespace)
        yield World(api, name, is_real=False)

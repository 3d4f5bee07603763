"""A workflow's agent: does the tasks of its WorkflowTaskSet and writes down what came of them.

Source: argo-semantics 18.4.
"""

import asyncio
import base64
import os
import secrets
import signal
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol

import msgspec

from tiphys.cluster.api import Api, path_of
from tiphys.cluster.connection import find_access
from tiphys.cluster.task_sets import watch_task_sets
from tiphys.errors import Forbidden, NotFound, OutsideError, RefusedError, SpecError
from tiphys.executor.http import do_http
from tiphys.executor.plugins import do_plugin
from tiphys.model.base import Json, KeySelector
from tiphys.model.names import LABEL_COMPLETED, LABEL_WORKFLOW
from tiphys.model.parse import to_json
from tiphys.model.phases import ERROR, FULFILLED
from tiphys.model.task_set import KIND, PluginServer, TaskResult, TaskSet
from tiphys.model.template import Template

ENV_PLUGINS = "TIPHYS_PLUGINS"
TOKEN_FOLDER = Path("/var/run/argo")
_WORKERS = 16


class TaskSets(Protocol):
    """Tells of the task sets of a namespace as long as it runs: first of those that are there."""

    async def __call__(self, hear: Callable[[str, TaskSet], None], *, gone: Callable[[str, TaskSet], None]) -> None:
        """Tell of every task set, and of those that are deleted, until cancelled."""


def _print(line: str) -> None:
    print(line, flush=True)


def write_tokens(names: list[str]) -> int:
    """A secret for each plugin and the agent to share; the exit code."""
    for name in names:
        folder = TOKEN_FOLDER / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "token").write_text(secrets.token_hex(32))
    return 0


def run_agent() -> int:
    """Work until the task set says that the workflow has ended, or is gone; the exit code.

    Raises:
        TiphysError: It cannot hear of tasks.
    """
    asyncio.run(_main())
    return 0


async def _main() -> None:
    access = find_access()
    namespace, workflow = os.environ["TIPHYS_NAMESPACE"], os.environ["TIPHYS_WORKFLOW"]
    servers = tuple(msgspec.json.decode(os.environ.get(ENV_PLUGINS) or "[]", type=list[PluginServer]))
    async with Api(access) as api:
        agent = Agent(api, namespace, workflow, os.environ.get("TIPHYS_WORKFLOW_UID", ""), servers)
        # the first process of a container is not ended by a signal that it does not handle
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, agent.end)
        await agent.run()


class Agent:
    """Does each task once, many at a time.

    Attributes:
        ended: The workflow has come to its end.
    """

    def __init__(  # noqa: PLR0913 as many as it works with
        self, api: Api, namespace: str, workflow: str, uid: str, servers: tuple[PluginServer, ...], *,
        task_sets: TaskSets | None = None, say: Callable[[str], None] = _print,
    ) -> None:  # fmt: skip
        """Ready to work.

        Args:
            api: Where secrets are read and results are written.
            namespace: The workflow's.
            workflow: Its name.
            uid: Its uid.
            servers: Plugins.
            task_sets: Who tells of tasks; the API server by a watch unless given.
            say: Takes a line of its log.
        """
        self.ended = asyncio.Event()
        self._task_sets = task_sets or partial(watch_task_sets, api, namespace, labels=f"{LABEL_WORKFLOW}={workflow}")
        self._say = say
        self._api = api
        self._namespace = namespace
        self._workflow = workflow
        self._uid = uid
        self._servers = servers
        self._slots = asyncio.Semaphore(_WORKERS)
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Work until the end.

        Raises:
            TiphysError: It cannot hear of tasks.
        """
        watching = asyncio.create_task(
            self._task_sets(lambda _key, found: self.heard(found), gone=lambda _key, _found: self.end())
        )
        ending = asyncio.create_task(self.ended.wait())
        try:
            # an agent that hears nothing any more must not live on: its pod is started again
            await asyncio.wait((watching, ending), return_when=asyncio.FIRST_COMPLETED)
            if watching.done():
                watching.result()
        finally:
            watching.cancel()
            ending.cancel()
            await asyncio.gather(watching, ending, return_exceptions=True)
            await self.stop()

    def heard(self, found: TaskSet) -> None:
        """The task set was written."""
        if found.metadata.name != self._workflow:
            return
        if found.metadata.labels.get(LABEL_COMPLETED) == "true":
            self.end()
        for node_id, template in found.spec.tasks.items():
            known = found.status.nodes.get(node_id)
            if node_id not in self._tasks and (known is None or known.phase not in FULFILLED):
                self._tasks[node_id] = asyncio.create_task(self._work(node_id, template))
        for node_id in [one for one in self._tasks if one not in found.spec.tasks]:
            self._tasks.pop(node_id).cancel()

    def end(self) -> None:
        """Nothing more is to be done."""
        self.ended.set()

    async def stop(self) -> None:
        """Leave what is under way."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _work(self, node_id: str, template: Template) -> None:
        async with self._slots:
            self._say(f"{node_id}: {template.name} begins")
            try:
                result = await self._do(template)
            except Exception as e:  # whatever a task does to us, somebody waits for its end
                self._say(traceback.format_exc())
                result = TaskResult(phase=ERROR, message=f"the agent failed: {type(e).__name__}: {e}")
            self._say(f"{node_id}: {result.phase} {result.message}")
            await self._tell(node_id, result)

    async def _do(self, template: Template) -> TaskResult:
        if template.http is not None:
            return await do_http(template.http, self._read_secret)
        if template.plugin is not None:
            about = {"name": self._workflow, "namespace": self._namespace, "uid": self._uid}
            return await do_plugin(template, about, self._servers)
        return TaskResult(phase=ERROR, message="agent cannot execute: unknown task type")

    async def _read_secret(self, selector: KeySelector) -> str:
        try:
            raw = await self._api.read("Secret", self._namespace, selector.name)
        except (OutsideError, RefusedError) as e:
            raise SpecError(f"secret {selector.name} cannot be read: {e.message}") from e
        found: dict[str, str] = msgspec.json.decode(raw).get("data") or {}
        if selector.key not in found:
            raise SpecError(f"secret {selector.name} has no key {selector.key!r}")
        return base64.b64decode(found[selector.key]).decode()

    async def _tell(self, node_id: str, result: TaskResult) -> None:
        patch: Json = {"status": {"nodes": {node_id: to_json(result)}}}
        path = path_of(KIND, self._namespace, self._workflow)
        delay = 0.2
        while True:
            try:
                await self._patch(path, patch)
            except (OutsideError, RefusedError) as e:
                # what is refused now may be allowed later: a role that was forgotten
                self._say(f"{node_id}: again: {e.message}")
                await asyncio.sleep(delay)
                delay = min(delay * 2, 30.0)
            else:
                return

    async def _patch(self, path: str, patch: Json) -> None:
        content = "application/merge-patch+json"
        try:
            # where the kind has a status subresource, the object itself takes no status
            await self._api.call("PATCH", KIND, f"{path}/status", body=patch, content=content)
        except (NotFound, Forbidden):
            await self._api.call("PATCH", KIND, path, body=patch, content=content)

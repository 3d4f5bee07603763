"""The agent of a run on this machine: the process of the run does the requests of http templates and asks plugins itself.

Its tasks and the secrets that they need are objects of this machine, to which no other process has a way.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import TextIO

import msgspec

from tiphys.errors import NotFound
from tiphys.executor.agent import ENV_PLUGINS, Agent
from tiphys.local.api import LocalApi
from tiphys.local.container import ContainerPlan, Handle, Mount
from tiphys.local.objects import Change, Store
from tiphys.local.process import ProcessRuntime
from tiphys.model.parse import parse_as
from tiphys.model.task_set import PluginServer, TaskSet

_GROUP, _PLURAL = "apis/argoproj.io/v1alpha1", "workflowtasksets"
_KILLED = 137
Hear = Callable[[str, TaskSet], None]


class TaskSetsHere:
    """The task sets of a store, for whoever wants to hear of them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def __call__(self, hear: Hear, *, gone: Hear = lambda _key, _found: None) -> None:
        """Tell of every task set, and of those that are deleted, until cancelled."""
        loop = asyncio.get_running_loop()

        def told(change: Change) -> None:
            if change.place.plural == _PLURAL:
                tell = gone if change.type == "DELETED" else hear
                loop.call_soon(tell, f"{change.place.namespace}/{change.place.name}", _parsed(change.now))

        self._store.on_change.append(told)
        try:
            for one in self._store.find(_GROUP, _PLURAL):
                hear(f"{one['metadata']['namespace']}/{one['metadata']['name']}", _parsed(one))
            await asyncio.Event().wait()
        finally:
            with contextlib.suppress(ValueError):
                self._store.on_change.remove(told)


def _parsed(one: object) -> TaskSet:
    return parse_as(TaskSet, msgspec.json.encode(one))


class OwnPrograms(ProcessRuntime):
    """Runs the containers of our own program: as processes, save for an agent's, which is this process itself."""

    def __init__(self, api: LocalApi) -> None:
        self._api = api

    async def start(self, plan: ContainerPlan) -> Handle:
        """Start one.

        Raises:
            SpecError: It needs a view of its own that cannot be had.
        """
        if plan.command[-2:] != ("executor", "agent"):
            return await super().start(plan)
        plan.log.parent.mkdir(parents=True, exist_ok=True)
        return _AgentHere(self._api, plan)


class _AgentHere:
    """An agent that is at work in this process; its log is where a container's would be."""

    pid = 0

    def __init__(self, api: LocalApi, plan: ContainerPlan) -> None:
        values = plan.environment
        servers = msgspec.json.decode(values.get(ENV_PLUGINS) or "[]", type=list[PluginServer])
        self._log: TextIO = plan.log.open("a")
        self._agent = Agent(
            api, plan.name.partition(".")[0], values["TIPHYS_WORKFLOW"], values.get("TIPHYS_WORKFLOW_UID", ""),
            tuple(msgspec.structs.replace(one, token_file=_real(one.token_file, plan.mounts)) for one in servers),
            task_sets=TaskSetsHere(api.store), say=self._write,
        )  # fmt: skip
        self._work = asyncio.get_running_loop().create_task(self._agent.run())

    def _write(self, line: str) -> None:
        print(line, file=self._log, flush=True)

    async def wait(self) -> int:
        """0, once it has ended; 137 when it was made to."""
        await asyncio.wait([self._work])
        self._log.close()
        return _KILLED if self._work.cancelled() else 0

    def stop(self) -> None:
        """Ask it to end."""
        self._agent.end()

    def kill(self) -> None:
        """End it."""
        self._work.cancel()

    def shell(self) -> list[str]:
        """None can be opened in it.

        Raises:
            NotFound: Always.
        """
        return self.within(("sh",))

    def within(self, command: Sequence[str]) -> list[str]:
        """Nothing can be done in it.

        Raises:
            NotFound: Always.
        """
        del command
        raise NotFound("an agent has no container on this machine: the program that runs the workflow does its work")


def _real(path: str, mounts: tuple[Mount, ...]) -> str:
    """Where a file of a container is on this machine."""
    for mount in mounts:
        if path.startswith(f"{mount.target}/"):
            return str(mount.source / path.removeprefix(f"{mount.target}/"))
    return path

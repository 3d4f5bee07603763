"""This machine as a cluster of one node: the controller, its objects, and what runs its pods, put together.

Source: architecture, "the same machine runs in a local process".
"""

import asyncio
import contextlib
import logging
import os
import platform
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from tiphys.cli.agent import OwnPrograms, TaskSetsHere
from tiphys.cluster.repositories import ConfigMapRepositories
from tiphys.controller.clock import SystemClock
from tiphys.controller.controller import Controller, Surroundings
from tiphys.controller.recording import Recorder
from tiphys.controller.shelves import parse_stored
from tiphys.errors import NotFound, SpecError
from tiphys.local.api import LocalApi, LocalLogs
from tiphys.local.channel import answering, listening
from tiphys.local.container import Runtime
from tiphys.local.kubelet import Kubelet, Setting, owner_of
from tiphys.local.objects import Change, Place, Refusal, Store
from tiphys.local.state import State, fill, new_uid, state_folder
from tiphys.model.base import Json
from tiphys.model.locations import ArtifactRepository, S3ArtifactRepository
from tiphys.model.names import LABEL_WORKFLOW
from tiphys.model.phases import COMPLETED
from tiphys.pods.agent import is_agent
from tiphys.pods.settings import PodSettings
from tiphys.pods.view import node_id, owner_uid, parse_pod
from tiphys.telemetry.metrics import ControllerMetrics

log = logging.getLogger(__name__)
ARGO = "apis/argoproj.io/v1alpha1"
NAMESPACE = "default"
_EXECUTOR = "tiphys-on-this-machine"
_ARCHITECTURES = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
_REPOSITORY = ArtifactRepository(s3=S3ArtifactRepository(endpoint="this-machine", bucket="artifacts"))
"""Where artifacts go that say no place: a folder of this machine."""
_SHELVED = ("workflowtemplates", "clusterworkflowtemplates")


class Announced:
    """Kubernetes Events of a run: nobody asks for them here."""

    def announce(
        self, regarding: Mapping[str, str], *, type_: str, reason: str, message: str, annotations: Mapping[str, str] | None = None
    ) -> None:
        """Log it, for those who want to know more."""
        log.debug("%s %s %s: %s %s", type_, reason, regarding.get("name"), message, annotations or "")


class Opened(NamedTuple):
    """What is remembered, open for commands."""

    state: State
    store: Store
    api: LocalApi


def open_state(workflow: str = "") -> Opened:
    """The objects of this machine: those of one workflow and shared ones, or all of them; changes are remembered."""
    return _open(State(state_folder()), workflow)


def _open(state: State, workflow: str) -> Opened:
    store = Store(SystemClock().now, new_uid, has_history=False)
    fill(store, state.load(workflow), state.owner)
    store.on_change.append(state.keep)
    return Opened(state, store, LocalApi(store, state.folder / "logs"))


def share(opened: Opened) -> None:
    """Let commands see what other programs do to their workflows, and have changes made by the program that runs a workflow."""
    seen = opened.state.version()

    def route(verb: str, place: Place) -> Path | None:
        nonlocal seen
        if opened.state.version() != seen:
            seen = opened.state.version()
            opened.store.forget()
            fill(opened.store, opened.state.load(), opened.state.owner)
        return opened.state.socket(place.name) if place.plural == "workflows" and verb != "GET" else None

    opened.api.route, opened.api.others = route, opened.state.sockets


def is_run(api: LocalApi, name: str) -> bool:
    """Whether another program runs a workflow of this machine."""
    return api.route("PATCH", Place(ARGO, "workflows", NAMESPACE, name)) is not None


def forget_ended(store: Store) -> None:
    """Let pods that are deleted go at once: nothing runs them."""

    def hear(change: Change) -> None:
        if change.place.plural == "pods" and change.now["metadata"].get("deletionTimestamp") and change.type != "DELETED":
            store.remove(change.place)

    store.on_change.append(hear)


class Machine:
    """Runs one workflow.

    Attributes:
        api: This machine's objects, as commands about a cluster see one.
    """

    def __init__(self, opened: Opened, runtime: Runtime, places: int = 0, record: str = "") -> None:
        self.state, self.store, self.api = opened
        clock = SystemClock()
        architecture = _ARCHITECTURES.get(platform.machine(), platform.machine())
        settings = PodSettings(executor_image=_EXECUTOR, architectures=(architecture,))
        repositories = ConfigMapRepositories(self.api, NAMESPACE, lambda: _REPOSITORY)
        logs = LocalLogs(self.api.logs)
        metrics = ControllerMetrics()
        world = Surroundings(
            self.api, logs, Announced(), clock, metrics, settings, repositories=repositories, home=NAMESPACE, namespace=NAMESPACE,
            recorder=Recorder(Path(record)) if record else None, task_sets=TaskSetsHere(self.store),
        )  # fmt: skip
        self.controller = Controller(world)
        setting = Setting(
            self.state.folder / "runs", self.api.logs, runtime, OwnPrograms(self.api), _EXECUTOR, places or os.cpu_count() or 1,
            self._runs_beside, lambda pod, pid: self.state.started(pod["metadata"]["labels"].get(LABEL_WORKFLOW, ""), pid),
        )  # fmt: skip
        self._kubelet = Kubelet(self.store, setting)
        self._turns: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Go on with what is there."""
        loop = asyncio.get_running_loop()
        for kind in ("pods", *_SHELVED, "workflows"):
            for one in self.store.find("api/v1" if kind == "pods" else ARGO, kind):
                self._tell(kind, one)

        def hear(change: Change) -> None:
            loop.call_soon(self._hear, change)

        self.store.on_change.append(hear)
        self._turns = loop.create_task(self.controller.run())
        self.controller.ready()

    def _hear(self, change: Change) -> None:
        plural, meta = change.place.plural, change.now["metadata"]
        if change.type != "DELETED":
            self._tell(plural, change.now)
        elif plural == "pods":
            self.controller.pod_deleted(f"{meta['namespace']}/{meta['name']}", parse_pod(msgspec.json.encode(change.now)))
        elif plural == "workflows":
            self.controller.workflow_deleted(meta["uid"])

    def _tell(self, plural: str, one: Json) -> None:
        meta = one["metadata"]
        if plural == "pods":
            self.controller.pod_changed(f"{meta['namespace']}/{meta['name']}", parse_pod(msgspec.json.encode(one)))
        elif plural == "workflows":
            self.controller.workflow_changed(one)
        elif plural in _SHELVED:
            self.controller.shelves.heard("", parse_stored(msgspec.json.encode(one)))

    def _runs_beside(self, pod: Json) -> bool:
        """Whether a pod waits for others, so that it must not keep them from running: a daemon, or the agent."""
        view = parse_pod(msgspec.json.encode(pod))
        if is_agent(view):
            return True
        live = self.controller.lives.get(owner_uid(view))
        leaf = live.run.leaves.get(node_id(view)) if live is not None and live.run is not None else None
        return leaf is not None and bool(leaf.call.found.template.daemon)

    def shell(self, pod: str) -> list[str]:
        """The command that opens a shell in a pod's main container.

        Raises:
            NotFound: It does not run.
        """
        return self._kubelet.handle(NAMESPACE, pod, "main").shell()

    def workflow(self, name: str) -> Json:
        """The workflow as it is stored.

        Raises:
            NotFound: There is none.
        """
        place = Place(ARGO, "workflows", NAMESPACE, name)
        try:
            return self.store.read(place)
        except Refusal:
            raise NotFound(f"no workflow {place.name} on this machine") from None

    async def changes(self, name: str) -> AsyncIterator[Json]:
        """The workflow each time it has changed, until it has ended and all is written.

        Raises:
            NotFound: There is none, or somebody deleted it.
        """
        version = ""
        while True:
            try:
                one = self.workflow(name)
            except NotFound:
                raise NotFound(f"workflow {name} was deleted") from None
            changed = self.store.changed
            if one["metadata"]["resourceVersion"] != version:
                version = one["metadata"]["resourceVersion"]
                yield one
            is_over = (one.get("status") or {}).get("phase") in COMPLETED
            if is_over and one["metadata"]["uid"] not in self.controller.lives:
                return
            await changed.wait() if not is_over else await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """Write what is known, then end all that runs; the workflow can go on later."""
        await self.controller.stop()
        if self._turns is not None:
            self._turns.cancel()
            await asyncio.gather(self._turns, return_exceptions=True)
        self.store.on_change.clear()
        await self._kubelet.close()


@asynccontextmanager
async def machine_for(workflow: str, runtime: Runtime, places: int = 0, record: str = "") -> AsyncIterator[Machine]:
    """A machine that runs a workflow; the only one that does.

    Raises:
        SpecError: Another program runs it.
    """
    state = State(state_folder())
    with contextlib.closing(state), listening() as socket:
        was_left = state.was_left(workflow)
        other = state.claim(workflow, Path(socket.getsockname()))
        if other:
            raise SpecError(f"workflow {workflow} is being run by process {other}")
        state.end_orphans(workflow)
        if was_left:
            await runtime.end_left(owner_of(state.folder / "runs", workflow))
        machine = Machine(_open(state, workflow), runtime, places, record)
        async with machine.api, answering(socket, machine.api.reply):
            machine.start()
            try:
                yield machine
            finally:
                await machine.stop()
                state.end_orphans(workflow)
                state.release(workflow)

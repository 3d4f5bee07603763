"""Schedules are followed: what is heard of them and of their children goes to their runs, what these ask for is done.

Nothing is decided here; see `engine.cron`. A child is named after its slot, so that whoever crashes or looks twice makes one.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any, NamedTuple

import msgspec

from tiphys.cluster.api import Api
from tiphys.cluster.informer import Informer
from tiphys.controller.backoff import Backoff
from tiphys.engine.cron import actions as act
from tiphys.engine.cron.cron_run import CronRun
from tiphys.engine.patch import join
from tiphys.errors import AlreadyExists, NotFound, OutsideError, SpecError, TiphysError
from tiphys.model.base import Json, Model, ObjectMeta
from tiphys.model.names import (
    ANNOTATION_SCHEDULED_TIME,
    LABEL_ARCHIVING_STATUS,
    LABEL_COMPLETED,
    LABEL_CRON_WORKFLOW,
    LABEL_INSTANCE_ID,
    LABEL_PHASE,
)
from tiphys.model.parse import parse_as, to_manifest
from tiphys.model.workflow import CronWorkflow
from tiphys.ports import Clock, Objects

log = logging.getLogger(__name__)
_LONGEST_DELAY = 30.0
_SUBMISSION_TRIES_S = 60.0
"""So long a submission that the API server refuses for now is tried before it is told as failed."""


class _ChildStatus(Model, frozen=True):
    phase: str = ""
    finished_at: datetime | None = None


class ChildView(Model, frozen=True):
    """What a schedule needs of a workflow."""

    metadata: ObjectMeta = ObjectMeta()
    status: _ChildStatus = _ChildStatus()


def parse_child(raw: msgspec.Raw) -> ChildView:
    """A workflow as schedules see it."""
    return msgspec.json.decode(raw, type=ChildView)


class _Followed:
    """One schedule and what is under way for it."""

    def __init__(self, namespace: str, name: str, place: tzinfo) -> None:
        self.namespace, self.name = namespace, name
        self.run = CronRun(place)
        self.wake: asyncio.Task[None] | None = None
        self.patch: Json = {}
        self.writer: asyncio.Task[None] | None = None

    @property
    def key(self) -> str:
        """`namespace/name`; one that was deleted and its successor may have the same."""
        return f"{self.namespace}/{self.name}"


class CronSurroundings(NamedTuple):
    """What following schedules needs.

    Attributes:
        place: Where the clock of schedules hangs that name no zone.
        fired: Told of what slots led to: namespace, name, what, policy; for metrics.
        owns: Whether this replica follows the schedule with a uid.
        decided: Told of the seconds that a decision took; for metrics.
        retried: Told when something is asked of the API server again; for metrics.
    """

    objects: Objects
    clock: Clock
    instance_id: str = ""
    place: tzinfo = UTC
    fired: Callable[[str, str, act.Fired], None] = lambda _namespace, _name, _fired: None
    owns: Callable[[str], bool] = lambda _uid: True
    decided: Callable[[float], None] = lambda _seconds: None
    retried: Callable[[], None] = lambda: None


class Crons:
    """Follows schedules; all methods are called on the controller's loop."""

    def __init__(self, world: CronSurroundings) -> None:
        self._world = world
        self._followed: dict[str, _Followed] = {}
        self._named: dict[str, dict[str, _Followed]] = {}
        self._children: dict[str, dict[str, act.Child]] = {}
        self._waiting: dict[str, CronWorkflow] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_ready = False

    # --- what is heard

    def ready(self) -> None:
        """All children that exist have been told: schedules may be followed."""
        self._is_ready = True
        waiting, self._waiting = self._waiting, {}
        for cron in waiting.values():
            self._follow(cron)

    async def run(self, children: Informer[ChildView]) -> None:
        """Hear of children until cancelled; schedules are followed once those that exist are known."""
        async with asyncio.TaskGroup() as group:
            group.create_task(children.run())
            await children.synced.wait()
            self.ready()

    def cron_changed(self, raw: Mapping[str, Any]) -> None:
        """A schedule was added or changed; one that cannot be read is logged and left alone until it changes."""
        meta = raw.get("metadata") or {}
        if (meta.get("labels") or {}).get(LABEL_INSTANCE_ID, "") != self._world.instance_id:
            return
        try:
            cron = parse_as(CronWorkflow, raw)
        except SpecError as e:
            log.warning("cron workflow %s/%s cannot be read: %s", meta.get("namespace"), meta.get("name"), e)
            self._spawn(self._tell_unreadable(str(meta.get("namespace", "")), str(meta.get("name", "")), str(e)))
            return
        if not self._is_ready:
            self._waiting[cron.metadata.uid] = cron
        else:
            self._follow(cron)

    async def _tell_unreadable(self, namespace: str, name: str, message: str) -> None:
        condition = {"type": "SpecError", "status": "True", "message": message}
        try:
            await self._world.objects.patch("CronWorkflow", namespace, name, {"status": {"conditions": [condition]}})
        except TiphysError as e:
            log.warning("cron workflow %s/%s cannot be told so: %s", namespace, name, e.message)

    def _follow(self, cron: CronWorkflow) -> None:
        meta = cron.metadata
        if not self._world.owns(meta.uid):
            self.cron_deleted(meta.uid)
            return
        followed = self._followed.get(meta.uid)
        if followed is None:
            followed = self._followed[meta.uid] = _Followed(meta.namespace, meta.name, self._world.place)
            self._named.setdefault(followed.key, {})[meta.uid] = followed
            for child in self._children.get(followed.key, {}).values():
                self._send(followed, act.ChildSeen(child))
        self._send(followed, act.CronChanged(cron))

    def cron_deleted(self, uid: str) -> None:
        """A schedule is gone; its children go with it."""
        self._waiting.pop(uid, None)
        followed = self._followed.pop(uid, None)
        if followed is None:
            return
        if followed.wake is not None:
            followed.wake.cancel()
        named = self._named[followed.key]
        del named[uid]
        if not named:
            del self._named[followed.key]

    def child_changed(self, _key: str, view: ChildView) -> None:
        """A workflow with a schedule's label is new or has changed."""
        child = _child(view)
        key = f"{view.metadata.namespace}/{view.metadata.labels.get(LABEL_CRON_WORKFLOW, '')}"
        known = self._children.setdefault(key, {})
        if known.get(child.uid) == child:
            return
        known[child.uid] = child
        self._send_to(key, act.ChildSeen(child))

    def child_deleted(self, _key: str, view: ChildView) -> None:
        """A child is gone."""
        key = f"{view.metadata.namespace}/{view.metadata.labels.get(LABEL_CRON_WORKFLOW, '')}"
        known = self._children.get(key, {})
        known.pop(view.metadata.uid, None)
        if not known:
            self._children.pop(key, None)
        self._send_to(key, act.ChildGone(view.metadata.uid))

    def _send_to(self, key: str, event: act.CronEvent) -> None:
        for followed in tuple(self._named.get(key, {}).values()):
            self._send(followed, event)

    # --- what is done

    def _send(self, followed: _Followed, event: act.CronEvent) -> None:
        began = time.perf_counter()
        try:
            todo = followed.run.handle(event, self._world.clock.now())
        except Exception:
            log.exception("cron workflow %s/%s broke the controller", followed.namespace, followed.name)
            return
        for action in todo:
            self._do(followed, action)
        self._world.decided(time.perf_counter() - began)

    def _do(self, followed: _Followed, action: act.CronAction) -> None:
        match action:
            case act.SubmitChild():
                self._spawn(self._submit(followed, action))
            case act.TerminateChild(name):
                patch: Json = {"spec": {"shutdown": "Terminate"}}
                self._spawn(self._until_done(followed, lambda: self._patch_child(followed, name, patch)))
            case act.DeleteChild(name, uid):
                self._spawn(self._until_done(followed, lambda: self._delete_child(followed, name, uid)))
            case act.WriteCron(patch):
                join(followed.patch, patch)
                self._write_soon(followed)
            case act.CronWakeAt(at):
                if followed.wake is not None:
                    followed.wake.cancel()
                followed.wake = self._spawn(self._wake(followed, at))
            case act.Fired():
                self._world.fired(followed.namespace, followed.name, action)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _wake(self, followed: _Followed, at: datetime) -> None:
        await self._world.clock.sleep_until(at)
        followed.wake = None
        self._send(followed, act.CronWoke())

    async def _submit(self, followed: _Followed, action: act.SubmitChild) -> None:
        manifest = to_manifest(action.workflow)
        backoff = Backoff(longest=_LONGEST_DELAY)
        give_up = asyncio.get_running_loop().time() + _SUBMISSION_TRIES_S
        while True:
            try:
                meta = await self._world.objects.create("Workflow", followed.namespace, manifest)
            except AlreadyExists:
                self._send(followed, act.ChildSubmitted(action.slot))
            except OutsideError as e:
                if asyncio.get_running_loop().time() < give_up:
                    self._world.retried()
                    await backoff.wait(e)
                    continue
                self._send(followed, act.SubmissionFailed(action.slot, e.message))
            except TiphysError as e:
                self._send(followed, act.SubmissionFailed(action.slot, e.message))
            else:
                made = ChildView(metadata=msgspec.structs.replace(action.workflow.metadata, uid=meta.uid))
                child = msgspec.structs.replace(_child(made), resource_version=meta.resource_version)
                self._send(followed, act.ChildSubmitted(action.slot, child))
            return

    async def _patch_child(self, followed: _Followed, name: str, patch: Json) -> None:
        await self._world.objects.patch("Workflow", followed.namespace, name, patch)

    async def _delete_child(self, followed: _Followed, name: str, uid: str) -> None:
        await self._world.objects.delete("Workflow", followed.namespace, name, uid=uid)

    async def _until_done(self, followed: _Followed, do: Callable[[], Coroutine[Any, Any, None]]) -> None:
        backoff = Backoff(longest=_LONGEST_DELAY)
        while True:
            try:
                await do()
            except OutsideError as e:
                self._world.retried()
                await backoff.wait(e)
                continue
            except NotFound:
                return
            except TiphysError as e:
                log.warning("cron workflow %s/%s: %s", followed.namespace, followed.name, e.message)
            return

    def _write_soon(self, followed: _Followed) -> None:
        if followed.writer is None:
            followed.writer = self._spawn(self._write(followed))

    async def _write(self, followed: _Followed) -> None:
        try:
            while followed.patch:
                patch, followed.patch = followed.patch, {}
                await self._until_done(followed, lambda patch=patch: self._patch_cron(followed, patch))  # type: ignore[misc]
        finally:
            followed.writer = None

    async def _patch_cron(self, followed: _Followed, patch: Json) -> None:
        await self._world.objects.patch("CronWorkflow", followed.namespace, followed.name, patch)

    def under_way(self) -> tuple[asyncio.Task[None], ...]:
        """What waits or is being done."""
        return tuple(self._tasks)

    @property
    def busy_count(self) -> int:
        """What is being asked of the API server; schedules that wait for their time are not."""
        return len(self._tasks) - sum(followed.wake is not None for followed in self._followed.values())

    async def stop(self) -> None:
        """End what waits; let what is under way come to its end."""
        for followed in self._followed.values():
            if followed.wake is not None:
                followed.wake.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=10)


def _child(view: ChildView) -> act.Child:
    meta = view.metadata
    owner = next((reference.uid for reference in meta.owner_references if reference.controller), "")
    return act.Child(
        name=meta.name,
        uid=meta.uid,
        resource_version="",
        phase=view.status.phase or meta.labels.get(LABEL_PHASE, ""),
        finished_at=view.status.finished_at,
        is_completed=meta.labels.get(LABEL_COMPLETED) == "true",
        is_archiving=meta.labels.get(LABEL_ARCHIVING_STATUS) == "Pending",
        slot=_slot(meta),
        owner_uid=owner,
    )


def _slot(meta: ObjectMeta) -> datetime | None:
    try:
        at = datetime.fromisoformat(meta.annotations.get(ANNOTATION_SCHEDULED_TIME, ""))
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def children_of(api: Api, crons: Crons, namespace: str, instance_id: str) -> Informer[ChildView]:
    """A watch of all workflows that schedules made."""
    labels = f"{LABEL_CRON_WORKFLOW},{LABEL_INSTANCE_ID}={instance_id}" if instance_id else LABEL_CRON_WORKFLOW
    informer = Informer(api, "Workflow", parse=parse_child, namespace=namespace, labels=labels)
    informer.on_change, informer.on_delete = crons.child_changed, crons.child_deleted
    return informer

"""The newest workflow of each kind that succeeded, for estimates: remembered as it ends, read back once after a restart.

What is not there any more is looked for in the archive, once for each kind. Nobody waits for an estimate: a workflow that begins
before its predecessor is read gets its own in a later turn.

Source: argo-semantics 26.3. Differs from Argo: what was deleted meanwhile still counts; it asks before a workflow begins.
"""

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from tiphys.engine.estimates import Estimate, estimate_of
from tiphys.engine.events import EstimateFound
from tiphys.errors import OutsideError, TiphysError
from tiphys.model.archived import ArchiveQuery
from tiphys.model.names import LABEL_CLUSTER_WORKFLOW_TEMPLATE, LABEL_CRON_WORKFLOW, LABEL_WORKFLOW_TEMPLATE
from tiphys.model.parse import parse_workflow
from tiphys.model.phases import SUCCEEDED
from tiphys.model.workflow import Workflow

if TYPE_CHECKING:
    from tiphys.controller.controller import Controller

log = logging.getLogger(__name__)
_LABELS = (LABEL_WORKFLOW_TEMPLATE, LABEL_CLUSTER_WORKFLOW_TEMPLATE, LABEL_CRON_WORKFLOW)
_MOST = 10_000
Kind = tuple[str, str, str]
"""Namespace, label, value."""


class _Known(msgspec.Struct):
    created: str
    uid: str
    name: str
    estimate: Estimate | None = None
    is_asked: bool = False
    waiting: list[str] | None = None


class Estimator:
    """Estimates by kind of workflow."""

    def __init__(self, controller: "Controller") -> None:
        self._controller = controller
        self._known: dict[Kind, _Known] = {}

    @property
    def _is_off(self) -> bool:
        return self._controller.environment.skip_workflow_duration_estimation

    def heard(self, raw: Mapping[str, Any]) -> None:
        """A finished workflow was seen, as plain JSON; its nodes are not looked at yet."""
        meta, status = raw.get("metadata") or {}, raw.get("status") or {}
        if status.get("phase") == SUCCEEDED and not self._is_off:
            created, name = str(meta.get("creationTimestamp", "")), str(meta.get("name", ""))
            labels = meta.get("labels") or {}
            self._store(_kinds(str(meta.get("namespace", "")), labels), _Known(created, str(meta.get("uid", "")), name))

    def ended(self, workflow: Workflow) -> None:
        """A workflow has ended, nodes and all."""
        meta = workflow.metadata
        if workflow.status.phase == SUCCEEDED and not self._is_off:
            created = meta.creation_timestamp.strftime("%Y-%m-%dT%H:%M:%SZ") if meta.creation_timestamp else ""
            known = _Known(created, meta.uid, meta.name, estimate_of(workflow), is_asked=True)
            self._store(_kinds(meta.namespace, meta.labels), known)

    def _store(self, kinds: list[Kind], known: _Known) -> None:
        for kind in kinds:
            before = self._known.get(kind)
            if before is not None and (before.created > known.created or (before.uid == known.uid and known.estimate is None)):
                continue
            if before is None and len(self._known) >= _MOST:
                self._known.pop(next(iter(self._known)))
            self._known[kind] = known

    def of(self, workflow: Workflow) -> Estimate | None:
        """What a workflow that begins will probably take."""
        meta, ref = workflow.metadata, workflow.spec.workflow_template_ref
        labels = dict(meta.labels)
        if ref is not None:
            labels.setdefault(LABEL_CLUSTER_WORKFLOW_TEMPLATE if ref.cluster_scope else LABEL_WORKFLOW_TEMPLATE, ref.name)
        for kind in _kinds(meta.namespace, labels):
            known = self._known.get(kind)
            if known is None:
                known = self._look_up(kind)
            if known is None:
                continue
            if known.estimate is None and not known.is_asked:
                known.is_asked, known.waiting = True, []
                self._controller.effects.spawn(self._answer(known, self._read(kind[0], known)))
            if known.waiting is not None and meta.uid:
                known.waiting.append(meta.uid)
            return known.estimate
        return None

    def _look_up(self, kind: Kind) -> _Known | None:
        if self._controller.keeping.archive is None or self._is_off:
            return None
        # what ends meanwhile is newer, and replaces it
        asked = _Known("", "", "", is_asked=True, waiting=[])
        self._store([kind], asked)
        self._controller.effects.spawn(self._answer(asked, self._ask_archive(kind, asked)))
        return asked

    async def _answer(self, known: _Known, reading: Coroutine[Any, Any, None]) -> None:
        """Read, and tell those that began meanwhile."""
        await reading
        waiting, known.waiting = known.waiting or (), None
        for uid in waiting:
            live = self._controller.lives.get(uid)
            if live is not None and live.run is not None and known.estimate is not None:
                self._controller.send(live, EstimateFound(known.estimate))

    async def _ask_archive(self, kind: Kind, known: _Known) -> None:
        archive, (namespace, label, value) = self._controller.keeping.archive, kind
        if archive is None:
            return
        query = ArchiveQuery(namespace=namespace, labels=f"{label}={value}", phases=(SUCCEEDED,), limit=1)
        try:
            async with asyncio.timeout(self._controller.environment.workflow_estimation_db_query_timeout_seconds):
                page = await archive.page(query)
                if page.items:
                    uid = msgspec.json.decode(page.items[0])["metadata"]["uid"]
                    known.estimate = estimate_of(parse_workflow(await archive.read(uid=uid)))
        except (TimeoutError, OutsideError) as e:
            log.debug("no estimate from the archive yet: %s", e)
            if self._known.get(kind) is known:
                del self._known[kind]
        except TiphysError as e:
            log.debug("no estimate from the archive: %s", e.message)

    async def _read(self, namespace: str, known: _Known) -> None:
        controller = self._controller
        try:
            workflow = parse_workflow(await controller.objects.read("Workflow", namespace, known.name))
            if workflow.metadata.uid == known.uid:
                known.estimate = estimate_of(await controller.keeping.hydrator.workflow(workflow))
        except TiphysError as e:
            log.debug("no estimate from %s/%s: %s", namespace, known.name, e.message)


def _kinds(namespace: str, labels: Mapping[str, str]) -> list[Kind]:
    return [(namespace, label, labels[label]) for label in _LABELS if labels.get(label)]

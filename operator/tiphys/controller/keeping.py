"""What becomes of workflows outside the API server: packed and unpacked nodes, and the archive."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from msgspec.structs import replace

from tiphys.archive.hydrating import Hydrator
from tiphys.controller.archiving import Archiver
from tiphys.controller.backoff import Backoff
from tiphys.controller.last_states import LastStates
from tiphys.controller.packing import Packer, PackingRules
from tiphys.controller.waiting import Waiting
from tiphys.model.base import Json, ObjectMeta
from tiphys.model.workflow import Workflow
from tiphys.ports import Announcements, Archive, Objects, Offload
from tiphys.telemetry.archive import ArchiveMetrics


class Keeping(NamedTuple):
    """Packs, unpacks, archives.

    Attributes:
        archiver: None where nothing is archived.
        archive: Where it archives to.
    """

    packer: Packer
    hydrator: Hydrator
    archiver: Archiver | None = None
    archive: Archive | None = None

    def ending(self, patch: Json, workflow: Workflow) -> Workflow:
        """The patch ends a workflow: it says, too, whether that waits for the archive; the workflow with these labels."""
        if self.archiver is None:
            return workflow
        meta = workflow.metadata
        self.archiver.mark(patch, meta.labels)
        labels = {**meta.labels, **{key: value for key, value in patch["metadata"]["labels"].items() if value is not None}}
        return replace(workflow, metadata=replace(meta, labels=labels))

    def deleted(self, raw: Mapping[str, Any]) -> None:
        """A workflow is gone; this was its last state."""
        if self.archiver is not None:
            self.archiver.deleted(raw)

    def finished(self, meta: ObjectMeta, finished_at: datetime | None) -> None:
        """A finished workflow was seen; whoever deletes it has told of it here before, and waits until it is settled."""
        if self.archiver is not None:
            at = finished_at or meta.creation_timestamp
            end = at.strftime("%Y-%m-%dT%H:%M:%SZ") if at is not None else ""
            self.archiver.hear(meta.labels, Waiting(end, meta.uid, meta.namespace, meta.name))

    @property
    def backlog(self) -> int:
        """Finished workflows that wait for the archive."""
        return self.archiver.backlog if self.archiver is not None else 0

    async def settled(self, uid: str) -> None:
        """Return when the workflow may be deleted: at once if it is none for the archive, or nothing is archived."""
        if self.archiver is not None:
            await self.archiver.settled(uid)


def keep(  # noqa: PLR0913 all of it
    objects: Objects, metrics: ArchiveMetrics, rules: PackingRules, *,
    archive: Archive | None = None, offload: Offload | None = None, selector: Mapping[str, Any] | None = None,
    announcements: Announcements | None = None, backoff: Callable[[], Backoff] = Backoff, last: LastStates | None = None,
) -> Keeping:  # fmt: skip
    """Everything put together; without a database, nodes are only compressed and nothing is archived."""
    hydrator = Hydrator(offload)
    if archive is None:
        return Keeping(Packer(metrics, offload, rules), hydrator)
    archiver = Archiver(
        archive, objects, hydrator, metrics, announcements=announcements, selector=selector, backoff=backoff, last=last
    )  # fmt: skip
    return Keeping(Packer(metrics, offload, rules), hydrator, archiver, archive)

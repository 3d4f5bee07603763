"""What becomes of workflows outside the API server: packed and unpacked nodes, and the archive."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tiphys.controller.archiving import Archiver
from tiphys.controller.backoff import Backoff
from tiphys.controller.hydrating import Hydrator
from tiphys.controller.packing import Packer, PackingRules
from tiphys.model.base import Json
from tiphys.model.workflow import Workflow
from tiphys.ports import Archive, Objects, Offload
from tiphys.telemetry.archive import ArchiveMetrics


class Keeping(NamedTuple):
    """Packs, unpacks, archives.

    Attributes:
        archiver: None where nothing is archived.
    """

    packer: Packer
    hydrator: Hydrator
    archiver: Archiver | None = None

    def ending(self, uid: str, patch: Json, labels: Mapping[str, str]) -> None:
        """The patch ends a workflow: it says, too, whether that waits for the archive."""
        if self.archiver is not None:
            self.archiver.mark(uid, patch, labels)

    def ended(self, workflow: Workflow) -> None:
        """The end of a workflow is written."""
        if self.archiver is not None:
            self.archiver.ended(workflow)

    def deleted(self, raw: Mapping[str, Any]) -> None:
        """A workflow is gone; this was its last state."""
        if self.archiver is not None:
            self.archiver.deleted(raw)

    def finished(self, raw: Mapping[str, Any]) -> None:
        """A finished workflow was seen, as plain JSON."""
        if self.archiver is not None:
            self.archiver.hear(raw)

    @property
    def backlog(self) -> int:
        """Finished workflows that wait for the archive."""
        return self.archiver.backlog if self.archiver is not None else 0

    async def settled(self, uid: str) -> None:
        """Return when the workflow may be deleted."""
        if self.archiver is not None:
            await self.archiver.settled(uid)


def keep(  # noqa: PLR0913 all of it
    objects: Objects, metrics: ArchiveMetrics, rules: PackingRules, *,
    archive: Archive | None = None, offload: Offload | None = None, selector: Mapping[str, Any] | None = None,
    backoff: Callable[[], Backoff] = Backoff,
) -> Keeping:  # fmt: skip
    """Everything put together; without a database, nodes are only compressed and nothing is archived."""
    hydrator = Hydrator(offload)
    archiver = None if archive is None else Archiver(archive, objects, hydrator, metrics, selector, backoff)
    return Keeping(Packer(metrics, offload, rules), hydrator, archiver)

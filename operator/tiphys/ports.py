"""What shells need of the world, as Protocols. Each has one contract test suite, run on every adapter and its double."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import msgspec

from tiphys.model.archived import ArchivedWorkflow, ArchivePage, ArchiveQuery
from tiphys.model.base import Json, ObjectMeta
from tiphys.model.locations import ArtifactRepositoryRef, ArtifactRepositoryRefStatus


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> datetime:
        """The time, zone UTC."""

    async def sleep_until(self, at: datetime) -> None:
        """Return when `at` has come; at once for the past."""


class Objects(Protocol):
    """Objects of the API server, by `kind` ("Workflow", "Pod", "ConfigMap", ...) as its path demands.

    Every method raises the errors of `errors.py`: Conflict, Throttled, Unavailable, Gone to try again;
    Forbidden, InvalidManifest, NotFound, AlreadyExists to give up.
    """

    async def read(self, kind: str, namespace: str, name: str) -> bytes:
        """The object's JSON."""

    def list(self, kind: str, namespace: str = "", *, labels: str = "") -> AsyncIterator["Page"]:
        """The objects, page by page; an empty namespace means all."""

    async def create(self, kind: str, namespace: str, manifest: Json) -> ObjectMeta:
        """Create it; the answer is its metadata only."""

    async def patch(self, kind: str, namespace: str, name: str, patch: Json, *, resource_version: str = "") -> ObjectMeta:
        """Merge `patch` into it; with `resource_version`, only if it has not changed since (`Conflict`)."""

    async def delete(self, kind: str, namespace: str, name: str, *, uid: str = "", grace_seconds: int | None = None) -> None:
        """Delete it, only the one with `uid` when given. One that is not there is no error."""


class Page(Protocol):
    """Some objects of a list, undecoded."""

    @property
    def items(self) -> Sequence[msgspec.Raw]:
        """Their JSON."""


class BlockedRow(NamedTuple):
    """A lock of the database that is not free: its row, who holds it, how many may."""

    row: str
    holders: tuple[str, ...]
    limit: int


class Locks(Protocol):
    """Locks that several controllers share, kept in a database; rows are named as `engine.locks.Lock.row` says.

    All methods raise the errors of `errors.py`: Unavailable, Conflict to try again, SpecError to give up.
    """

    @property
    def poll_seconds(self) -> float:
        """How long to wait before asking again."""

    async def acquire(self, rows: Sequence[str], holder: str, *, priority: int, created: datetime) -> BlockedRow | None:
        """Take all of the rows or none; None when they are held now. The holder stays in line; asking while holding is fine."""

    async def release(self, rows: Sequence[str], holder: str) -> None:
        """Give the rows back, and leave their lines."""


class Logs(Protocol):
    """What containers printed."""

    async def tail(self, namespace: str, pod: str, container: str, *, limit_bytes: int) -> bytes:
        """The last `limit_bytes` of the container's log."""


class Exec(Protocol):
    """Commands in running containers."""

    async def run(self, namespace: str, pod: str, container: str, command: tuple[str, ...]) -> None:
        """Return when the command has ended well; RefusedError when it did not, or may not run."""


class Announcements(Protocol):
    """Kubernetes Events: sent in the background, aggregated, lost rather than in the way."""

    def announce(
        self, regarding: Mapping[str, str], *, type_: str, reason: str, message: str, annotations: Mapping[str, str] | None = None
    ) -> None:
        """Queue an Event about the object `regarding` (apiVersion, kind, namespace, name, uid); `type_` Normal or Warning."""


class Repositories(Protocol):
    """Where artifacts of a workflow go that do not say so."""

    async def find(self, namespace: str, ref: ArtifactRepositoryRef | None) -> ArtifactRepositoryRefStatus:
        """The repository of a workflow that names one, or of one that does not; with no repository in it when there is none.

        Raises `SpecError` when the one that was named is not there.
        """


class ArtifactDriver(Protocol):
    """One store of artifacts, opened for one artifact's location; keys are the store's own (for http and artifactory, URLs).

    All methods block: a shell that has a loop calls them in threads. They raise NotFound, Forbidden, InvalidManifest (the
    store will not do it) or SpecError to give up, Unavailable or Throttled after the driver's own tries.
    """

    def load(self, key: str, target: Path, /) -> None:
        """Put the file, or the folder of all that is below `key`, at `target`, which does not exist yet."""

    def save(self, key: str, content: Iterable[bytes], size: int = -1, /) -> None:
        """Store a file of `size` bytes (-1 unknown); it is seen whole or not at all where the store can do that."""

    def stream(self, key: str, /) -> Iterator[bytes]:
        """The content of a file, in parts."""

    def list(self, prefix: str, /) -> Iterator[str]:
        """Keys of the files below a folder."""

    def delete(self, key: str, /) -> None:
        """Delete the file, or all that is below `key`; nothing there is no error."""

    def is_directory(self, key: str, /) -> bool:
        """Whether there is something below `key`, and no file at it."""


@runtime_checkable
class Seekable(Protocol):
    """A driver whose files can be read in parts; errors as those of `ArtifactDriver`."""

    def size(self, key: str, /) -> int:
        """Bytes of the file."""

    def span(self, key: str, start: int, end: int, /) -> Iterator[bytes]:
        """Its bytes from `start` up to, and without, `end`."""


class Archive(Protocol):
    """Finished workflows, kept by uid. Raises Unavailable and Conflict to try again, the errors of users otherwise."""

    async def save(self, workflow: ArchivedWorkflow) -> None:
        """Keep it; saving the same uid again replaces it."""

    async def read(self, *, uid: str = "", namespace: str = "", name: str = "") -> str:
        """The JSON text of the workflow with this uid, or of the newest with this name (NotFound)."""

    async def page(self, query: ArchiveQuery) -> ArchivePage:
        """One page of the list; no workflow is read whole for it."""

    async def delete(self, uid: str) -> bool:
        """Forget it; False when it was not there."""

    async def labels(self, key: str = "", *, namespace: str = "") -> list[str]:
        """All label keys; with `key`, all its values. Sorted."""


class Offload(Protocol):
    """Nodes of live workflows that are too many for the API server, by workflow uid and version."""

    async def save(self, uid: str, namespace: str, nodes: bytes) -> str:
        """Keep the JSON of nodes; its version. The same again is no error."""

    async def load(self, uid: str, version: str) -> bytes:
        """The JSON of nodes (NotFound)."""

    async def old(self, before: datetime, *, limit: int = 1000) -> list[tuple[str, str]]:
        """Uid and version of what was written before this time, oldest first."""

    async def delete(self, versions: Sequence[tuple[str, str]], *, before: datetime) -> None:
        """Forget these, unless they were saved again since `before`."""


class Expiry(Protocol):
    """What may be forgotten by age."""

    async def purge(self, finished_before: datetime, *, limit: int = 500) -> int:
        """Forget at most `limit` archived workflows that finished before; how many."""

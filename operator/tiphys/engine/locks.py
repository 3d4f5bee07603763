"""Mutexes and semaphores as a workflow writes them: what each is called, where its limit is, and how waiting for it reads.

Source: argo-semantics 16.1, 16.3, 16.4.
"""

from collections.abc import Iterable

import msgspec

from tiphys.errors import SpecError
from tiphys.model.template import Mutex, SemaphoreRef, Synchronization

MUTEX = "mutex"
SEMAPHORE = "semaphore"
_WRONG = "requested configuration is invalid: "


class Lock(msgspec.Struct, frozen=True):
    """One lock.

    Attributes:
        key: Its name everywhere: `<namespace>/Mutex/<name>` and the like.
        kind: `mutex` or `semaphore`.
        is_database: Kept in the database, shared by several controllers.
        config_map: Of the same namespace as the key says; holds the limit of a semaphore that is not in the database.
        config_key: Where in it.
    """

    key: str
    kind: str = MUTEX
    is_database: bool = False
    config_map: str = ""
    config_key: str = ""

    @property
    def namespace(self) -> str:
        """Where the lock lives."""
        return self.key.partition("/")[0]

    @property
    def row(self) -> str:
        """Its name in the database."""
        namespace, _, rest = self.key.partition("/")
        return f"{'mtx' if self.kind == MUTEX else 'sem'}/{namespace}/{rest.partition('/')[2]}"


def locks_of(written: Synchronization | None, namespace: str) -> tuple[Lock, ...]:
    """The locks that a block asks for; its texts are substituted already.

    Raises:
        SpecError: It names none or both sources of a semaphore's limit, or a lock twice.
    """
    if written is None:
        return ()
    found = [*(_mutex(one, namespace) for one in written.mutexes), *(_semaphore(one, namespace) for one in written.semaphores)]
    if not found:
        raise SpecError(_WRONG + "synchronization names neither a mutex nor a semaphore")
    seen: set[str] = set()
    for lock in found:
        if lock.key in seen:
            raise SpecError(_WRONG + f"duplicate synchronization item found: {lock.key}")
        seen.add(lock.key)
    return tuple(found)


def _mutex(written: Mutex, namespace: str) -> Lock:
    if not written.name:
        raise SpecError(_WRONG + "a mutex has no name")
    where = written.namespace or namespace
    return Lock(f"{where}/{'Database' if written.database else 'Mutex'}/{written.name}", MUTEX, bool(written.database))


def _semaphore(written: SemaphoreRef, namespace: str) -> Lock:
    where, source = written.namespace or namespace, written.config_map_key_ref
    if (source is None) == (written.database is None):
        raise SpecError(_WRONG + "a semaphore needs one of configMapKeyRef and database")
    if written.database is not None:
        return Lock(f"{where}/Database/{written.database.key}", SEMAPHORE, is_database=True)
    assert source is not None  # noqa: S101 one of them is there
    return Lock(f"{where}/ConfigMap/{source.name}/{source.key}", SEMAPHORE, config_map=source.name, config_key=source.key)


def waiting_message(lock: Lock, held: int, limit: int) -> str:
    """What a node shows while it waits for the lock."""
    if lock.is_database:
        return f"Waiting for {lock.key} lock ({lock.row}). Lock status: {held}/{limit}"
    return f"Waiting for {lock.key} lock. Lock status: {max(0, limit - held)}/{limit}"


def parse_limit(lock: Lock, text: str | None) -> int:
    """A semaphore's limit as its ConfigMap says it.

    Raises:
        SpecError: It is no number above zero.
    """
    if text is None:
        raise SpecError(f"Failed to get semaphore limit for {lock.key}: {lock.config_map} has no key '{lock.config_key}'")
    try:
        limit = int(text.strip())
    except ValueError as e:
        raise SpecError(f"Failed to get semaphore limit for {lock.key}: {text.strip()!r} is no number") from e
    if limit < 1:
        raise SpecError(f"failed to initialize semaphore {lock.key} with limit {limit}")
    return limit


def holder_key(namespace: str, workflow: str, node_id: str = "") -> str:
    """Who holds a lock: a workflow, or one of its nodes."""
    return f"{namespace}/{workflow}" + (f"/{node_id}" if node_id else "")


def memory_locks(locks: Iterable[Lock]) -> list[Lock]:
    """Those that are not in the database."""
    return [lock for lock in locks if not lock.is_database]

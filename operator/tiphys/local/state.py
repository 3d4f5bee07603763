"""What this machine remembers of its workflows, in one SQLite file: objects as they are, so that a killed run goes on.

Pods are remembered once they have ended: those that ran when the program was killed have ended with it, and are run again.
"""

import contextlib
import logging
import os
import signal
import sqlite3
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from tiphys.errors import Unavailable
from tiphys.local.channel import is_ours, remove
from tiphys.local.objects import Change, Place, Store
from tiphys.model.base import Json

log = logging.getLogger(__name__)
_SCHEMA = """
create table if not exists objects (
  api text not null, plural text not null, namespace text not null, name text not null,
  workflow text not null, document text not null, primary key (api, plural, namespace, name));
create index if not exists objects_workflow on objects (workflow);
create table if not exists owners (workflow text primary key, pid integer not null, began text not null);
create table if not exists sockets (workflow text primary key, path text not null);
create table if not exists processes (workflow text not null, pid integer not null, began text not null);
"""
_MOST_PIDS = 2**22
_FORGOTTEN = frozenset({"events", "leases"})
_WORKFLOW = "workflows.argoproj.io/workflow"


def state_folder() -> Path:
    """Where this user's workflows are kept: `$TIPHYS_HOME`, else `tiphys` in the data folder of the desktop's standard."""
    home = os.environ.get("TIPHYS_HOME")
    return Path(home) if home else Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "tiphys"


def new_uid() -> str:
    """A uid that no object had before."""
    return str(uuid.uuid4())


class State:
    """The file. One program writes the objects of one workflow at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / "state.db"
        with self._told():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = sqlite3.connect(self._path, isolation_level=None, timeout=10)
            # what is no text is for whoever looks at the row
            self._file.text_factory = lambda found: found.decode(errors="surrogateescape")
            self._file.executescript("pragma journal_mode=wal; pragma synchronous=normal;" + _SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _ask(self, statement: str, values: Sequence[object] = ()) -> list[Any]:
        """The rows of one statement."""
        with self._told():
            return self._file.execute(statement, values).fetchall()

    def _first(self, statement: str, values: Sequence[object] = ()) -> Any:
        """The first row of one statement; None where there is none."""
        return next(iter(self._ask(statement, values)), None)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as e:
            hint = f"move {self._path} away to begin anew" if _is_damaged(e) else ""
            raise Unavailable(f"what this machine remembers cannot be used: {self._path}: {e}", hint=hint) from e

    def keep(self, change: Change) -> None:
        """Remember a change of a store."""
        place = change.place
        if place.plural in _FORGOTTEN:
            return
        key = (place.group, place.plural, place.namespace, place.name)
        if change.type == "DELETED":
            self._ask("delete from objects where api=? and plural=? and namespace=? and name=?", key)
        elif place.plural != "pods" or change.now.get("status", {}).get("phase") in ("Succeeded", "Failed"):
            document = msgspec.json.encode(change.now).decode()
            row = (*key, workflow_of(place, change.now), document)
            self._ask("insert or replace into objects values (?,?,?,?,?,?)", row)

    def load(self, workflow: str = "") -> list[tuple[Place, Json]]:
        """Objects of one workflow and those of none; all for an empty name."""
        sql = "select api, plural, namespace, name, document from objects"
        rows = self._ask(sql + " where workflow in ('', ?)", (workflow,)) if workflow else self._ask(sql)
        return [read for row in rows if (read := _read(row)) is not None]

    def forget(self, workflow: str) -> None:
        """Forget a workflow and all that is its own."""
        self._ask("delete from objects where workflow=?", (workflow,))

    def started(self, workflow: str, pid: int) -> None:
        """A process of a workflow was started, the first of its group."""
        self._ask("insert into processes values (?,?,?)", (workflow, pid, _began(pid)))

    def end_orphans(self, workflow: str) -> None:
        """End what a program that was killed left running of a workflow."""
        for pid, began in self._ask("select pid, began from processes where workflow=?", (workflow,)):
            if began and _began(pid) == began:
                with contextlib.suppress(OSError):
                    os.killpg(pid, signal.SIGKILL)
        self._ask("delete from processes where workflow=?", (workflow,))

    def claim(self, workflow: str, socket: Path) -> int:
        """Be the one that runs a workflow, and listens at a socket; 0, or the process that does already."""
        other = self.owner(workflow)
        if not other:
            left = self._socket(workflow)
            if left is not None:
                remove(left)
            self._ask("insert or replace into sockets values (?,?)", (workflow, str(socket)))
            self._ask("insert or replace into owners values (?,?,?)", (workflow, os.getpid(), _began(os.getpid())))
        return other

    def was_left(self, workflow: str) -> bool:
        """Whether a program that ran a workflow was killed."""
        row = self._first("select pid from owners where workflow=?", (workflow,))
        return row is not None and not self.owner(workflow)

    def socket(self, workflow: str) -> Path | None:
        """Where the other process that runs a workflow listens; None for none."""
        return self._socket(workflow) if self.owner(workflow) else None

    def sockets(self) -> list[Path]:
        """Where the other processes that run workflows listen."""
        names = [name for (name,) in self._ask("select workflow from sockets order by workflow")]
        return [path for path in map(self.socket, names) if path is not None]

    def _socket(self, workflow: str) -> Path | None:
        row = self._first("select path from sockets where workflow=?", (workflow,))
        return Path(row[0]) if row is not None and is_ours(row[0]) else None

    def owner(self, workflow: str) -> int:
        """The other process that runs a workflow; 0 for none."""
        row = self._first("select pid, began from owners where workflow=?", (workflow,))
        return int(row[0]) if row is not None and row[0] != os.getpid() and row[1] and _began(row[0]) == row[1] else 0

    def version(self) -> int:
        """Another number once another program has changed something."""
        return int(self._first("pragma data_version")[0])

    def release(self, workflow: str) -> None:
        """Run it no longer."""
        self._ask("delete from sockets where workflow=?", (workflow,))
        self._ask("delete from owners where workflow=? and pid=?", (workflow, os.getpid()))


def workflow_of(place: Place, one: Json) -> str:
    """The workflow that an object belongs to; empty for one that is shared."""
    if place.plural == "workflows":
        return place.name
    labels: Any = one["metadata"].get("labels") or {}
    return str(labels.get(_WORKFLOW, ""))


def _read(row: Sequence[Any]) -> tuple[Place, Json] | None:
    """A remembered object; one that is damaged keeps no other from being remembered."""
    try:
        document: Json = msgspec.convert(msgspec.json.decode(row[4]), dict[str, Any])
        place = Place(*msgspec.convert(row[:4], tuple[str, str, str, str]))
        if not isinstance(document.get("metadata"), dict):
            raise msgspec.ValidationError("it has no metadata")
    except (msgspec.DecodeError, TypeError, ValueError) as e:
        log.warning("%s/%s is damaged and forgotten: %s", row[1], row[3], e)
        return None
    return place, document


def _is_damaged(error: Exception) -> bool:
    """Whether nothing will help: what is locked, full or read-only is no damage."""
    return isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)


def _began(pid: object) -> str:
    """When a process began, so that another one of the same number is told apart; empty when there is none."""
    if not isinstance(pid, int) or not 1 < pid < _MOST_PIDS:
        # nothing may be ended by it: the file is damaged
        return ""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        try:
            os.kill(pid, 0)
        except OSError:
            return ""
        return "?"


def fill(store: Store, objects: Iterable[tuple[Place, Json]], is_run: Callable[[str], object] = lambda _name: False) -> None:
    """Put remembered objects into a store; nodes whose processes ended with the former program are to run again.

    Args:
        store: Where to.
        objects: As they were loaded.
        is_run: Whether another program runs a workflow, so that its nodes are as it says.
    """
    objects = list(objects)
    ended = {one["metadata"]["name"] for place, one in objects if place.plural == "pods"}
    for place, one in objects:
        if place.plural == "workflows" and not is_run(place.name):
            _run_again(one, ended)
        store.load(place, one)


def _run_again(workflow: Json, ended: set[str]) -> None:
    from tiphys.model.parse import parse_workflow
    from tiphys.model.workflow import pod_name

    status = workflow.get("status") or {}
    if status.get("phase") not in ("Running", "Pending"):
        return
    nodes = parse_workflow(workflow)
    for node in nodes.status.nodes.values():
        if node.type == "Pod" and node.phase == "Running" and pod_name(nodes, node) not in ended:
            status["nodes"][node.id] = {**status["nodes"][node.id], "phase": "Pending"}
            status["nodes"][node.id].pop("daemoned", None)

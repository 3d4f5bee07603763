"""Objects as an API server keeps them: versions, preconditions, finalizers, owners, and the history that watches read."""

import asyncio
import itertools
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from tiphys.engine.patch import merged
from tiphys.model.base import Json

_NAME = re.compile(r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$")
_DEFAULT_GRACE = 30


class Refusal(Exception):  # noqa: N818 the field's own word
    """The server says no: an HTTP status with its reason."""

    def __init__(self, code: int, reason: str, message: str, *, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.code, self.reason, self.message, self.retry_after = code, reason, message, retry_after

    def status(self) -> Json:
        """The Status object of the answer."""
        kind: Json = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        return {**kind, "message": self.message, "reason": self.reason, "code": self.code}


class Place(NamedTuple):
    """Where an object is kept: `api/v1`, `pods`, namespace (empty for the cluster's own), name."""

    group: str
    plural: str
    namespace: str
    name: str


class Change(NamedTuple):
    """One change: version after it, ADDED, MODIFIED or DELETED, the object now and before."""

    version: int
    type: str
    place: Place
    now: Json
    before: Json | None


class Store:
    """Objects by their place. Every method takes effect at once; `changed` is set anew with every change.

    An object that was given or taken is never changed in place: versions of it share what is the same in them.

    Attributes:
        changes: All changes since `floor`, oldest first.
        floor: Watches from before this version are told that it is gone.
    """

    def __init__(
        self,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),  # noqa: TID251 a server's own time
        new_uid: Callable[[], str] | None = None,
        *,
        has_history: bool = True,
    ) -> None:
        """An empty store.

        Args:
            clock: Says when objects are created.
            new_uid: Makes uids; they are counted without it.
            has_history: Changes are kept for watches that begin later.
        """
        self.clock = clock
        self._new_uid = new_uid
        self._has_history = has_history
        self.changes: list[Change] = []
        self.changed = asyncio.Event()
        self.on_change: list[Callable[[Change], None]] = []
        self._objects: dict[Place, Json] = {}
        self._versions = itertools.count(100)
        self.version = self.floor = next(self._versions)
        self._uids = itertools.count(1)
        self._suffixes = itertools.count(1)
        self._past: dict[Place, Json] = {}

    # --- reading

    def read(self, place: Place) -> Json:
        """The object.

        Raises:
            Refusal: 404, there is none.
        """
        if place not in self._objects:
            raise Refusal(404, "NotFound", f'{place.plural} "{place.name}" not found')
        return self._objects[place]

    def find(self, group: str, plural: str, namespace: str = "") -> list[Json]:
        """All objects of a kind, of one namespace when it is given, in order of their names."""
        return [
            one
            for place, one in sorted(self._objects.items())
            if (place.group, place.plural) == (group, plural) and namespace in ("", place.namespace)
        ]

    def find_at(self, version: int, group: str, plural: str, namespace: str = "") -> list[Json]:
        """All objects of a kind as they were at an older version."""
        then = dict(self._past)
        for change in self.changes:
            if change.version > version:
                break
            if change.type == "DELETED":
                then.pop(change.place, None)
            else:
                then[change.place] = change.now
        return [
            one
            for place, one in sorted(then.items())
            if (place.group, place.plural) == (group, plural) and namespace in ("", place.namespace)
        ]

    def since(self, version: int) -> Iterator[Change]:
        """Changes after a version.

        Raises:
            Refusal: 410, they are no longer known.
        """
        if version < self.floor:
            raise Refusal(410, "Expired", f"too old resource version: {version} ({self.floor})")
        # what happens is read from the end, so that a watch does not walk the whole history
        start = len(self.changes)
        while start and self.changes[start - 1].version > version:
            start -= 1
        return iter(self.changes[start:])

    def compact(self) -> None:
        """Forget the history: watches from before are told that it is gone."""
        self._past = dict(self._objects)
        self.floor = self.version
        self.changes.clear()

    # --- writing

    def create(self, place: Place, manifest: Json) -> Json:
        """Create an object; a missing name is made from `generateName`.

        Raises:
            Refusal: 409, the name is taken; 422, it is no name.
        """
        meta = dict(manifest.get("metadata") or {})
        made = {**manifest, "metadata": meta}
        if not meta.get("name") and meta.get("generateName"):
            meta["name"] = f"{meta['generateName']}{self._suffix()}"
        place = place._replace(name=meta.get("name", ""))
        if not _NAME.match(place.name):
            raise Refusal(422, "Invalid", f'{place.plural} "{place.name}" is invalid: metadata.name: Invalid value')
        if place in self._objects:
            raise Refusal(409, "AlreadyExists", f'{place.plural} "{place.name}" already exists')
        if place.namespace:
            meta["namespace"] = place.namespace
        meta["uid"] = self._new_uid() if self._new_uid else f"00000000-0000-4000-8000-{next(self._uids):012d}"
        meta["creationTimestamp"] = self.stamp()
        meta["generation"] = 1
        self._keep("ADDED", place, made, None)
        return made

    def _suffix(self) -> str:
        return self._new_uid()[-5:] if self._new_uid else f"{next(self._suffixes):05d}"

    def load(self, place: Place, one: Json) -> None:
        """Have an object from an earlier life, as it was."""
        self._objects[place] = one
        version = str(one["metadata"].get("resourceVersion", ""))
        if version.isdigit() and int(version) >= self.version:
            self._versions = itertools.count(int(version) + 1)
            self.version = self.floor = int(version)

    def forget(self) -> None:
        """Have nothing, as at the beginning: what is there is about to be loaded again."""
        self._objects.clear()

    def stamp(self) -> str:
        """Now, as objects carry it."""
        return self.clock().strftime("%Y-%m-%dT%H:%M:%SZ")

    def patch(self, place: Place, patch: Json) -> Json:
        """Merge a patch; a `resourceVersion` or `uid` in it is a precondition.

        Raises:
            Refusal: 404; 409, the precondition does not hold.
        """
        before = self.read(place)
        wanted = patch.get("metadata") or {}
        for name in ("resourceVersion", "uid"):
            if wanted.get(name) and wanted[name] != before["metadata"][name]:
                raise Refusal(409, "Conflict", f"Operation cannot be fulfilled on {place.plural} {place.name!r}: the object has "
                              f"been modified; please apply your changes to the latest version and try again")  # fmt: skip
        return self._replace(place, before, merged(before, patch))

    def replace(self, place: Place, manifest: Json) -> Json:
        """Put another object in its place; its `resourceVersion`, when given, is a precondition.

        Raises:
            Refusal: 404; 409, the precondition does not hold.
        """
        before = self.read(place)
        version = manifest.get("metadata", {}).get("resourceVersion")
        if version and version != before["metadata"]["resourceVersion"]:
            raise Refusal(409, "Conflict", f"Operation cannot be fulfilled on {place.plural} {place.name!r}")
        return self._replace(place, before, manifest)

    def _replace(self, place: Place, before: Json, wanted: Json) -> Json:
        now = _own(wanted)
        kept = ("name", "namespace", "uid", "creationTimestamp", "generation", "deletionTimestamp", "resourceVersion")
        for name in kept:
            if name in before["metadata"]:
                now["metadata"][name] = before["metadata"][name]
            else:
                now["metadata"].pop(name, None)
        if now == before:
            return before
        if now.get("spec") != before.get("spec"):
            now["metadata"]["generation"] = before["metadata"].get("generation", 1) + 1
        is_released = before["metadata"].get("finalizers") and not now["metadata"].get("finalizers")
        if now["metadata"].get("deletionTimestamp") and is_released:
            return self._remove(place, now)
        self._keep("MODIFIED", place, now, before)
        return now

    def delete(self, place: Place, *, uid: str = "", grace_seconds: int | None = None) -> Json:
        """Delete an object: at once, or, where a node runs it or a finalizer holds it, by asking for its end.

        Raises:
            Refusal: 404; 409, the uid is another.
        """
        before = self.read(place)
        if uid and uid != before["metadata"]["uid"]:
            found = before["metadata"]["uid"]
            raise Refusal(409, "Conflict", f"Precondition failed: UID in precondition: {uid}, UID in object meta: {found}")
        now = _own(before)
        meta = now["metadata"]
        has_ended = now.get("status", {}).get("phase") in ("Succeeded", "Failed")
        is_running = place.plural == "pods" and now.get("spec", {}).get("nodeName") and not has_ended
        grace = 0 if not is_running else _DEFAULT_GRACE if grace_seconds is None else grace_seconds
        if not meta.get("finalizers") and grace == 0:
            return self._remove(place, now)
        if "deletionTimestamp" not in meta:
            meta["deletionTimestamp"] = self.stamp()
            meta["deletionGracePeriodSeconds"] = grace
            self._keep("MODIFIED", place, now, before)
        return now

    def remove(self, place: Place) -> None:
        """Remove an object, whatever holds it: as a kubelet does in the end."""
        if place in self._objects:
            self._remove(place, _own(self._objects[place]))

    def _remove(self, place: Place, last: Json) -> Json:
        before = self._objects.pop(place)
        self._record("DELETED", place, last, before)
        self._collect_orphans(last["metadata"]["uid"])
        return last

    def _collect_orphans(self, uid: str) -> None:
        for place, one in list(self._objects.items()):
            owners = one["metadata"].get("ownerReferences") or ()
            if any(owner.get("uid") == uid for owner in owners) and place in self._objects:
                self.delete(place)

    def _keep(self, kind: str, place: Place, now: Json, before: Json | None) -> None:
        self._objects[place] = now
        self._record(kind, place, now, before)

    def _record(self, kind: str, place: Place, now: Json, before: Json | None) -> None:
        self.version = next(self._versions)
        now["metadata"]["resourceVersion"] = str(self.version)
        change = Change(self.version, kind, place, now, before)
        if self._has_history:
            self.changes.append(change)
        self.changed.set()
        self.changed = asyncio.Event()
        for listener in self.on_change:
            listener(change)


def _own(one: Json) -> Json:
    """The object with metadata that may be changed; all else is shared."""
    return {**one, "metadata": dict(one["metadata"])}


def place_of(manifest: Json, group: str, plural: str) -> Place:
    """Where an object belongs."""
    meta: dict[str, Any] = manifest["metadata"]
    return Place(group, plural, meta.get("namespace", ""), meta.get("name", ""))

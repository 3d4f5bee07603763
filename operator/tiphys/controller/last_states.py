"""Workflows that somebody deleted while they wait for the archive, as they last were: in memory and, given a folder, on the disk.

The memory takes them at once and is bounded; from there they go into files, which are bounded too and outlive the process. A
file is a line that says which workflow it is, and its compressed JSON. What has no room is not kept; the archiver counts it.
"""

import asyncio
import contextlib
import hashlib
import logging
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import msgspec

from tiphys.controller.waiting import Waiting
from tiphys.errors import NotFound, SpecError, Unavailable
from tiphys.model.base import UNREADABLE, Json
from tiphys.model.compression import compress, decompress

log = logging.getLogger(__name__)
_MEMORY_BYTES = 64 * 1024 * 1024
_DISK_BYTES = 1024 * 1024 * 1024
_HEAD_BYTES = 4096
_SUFFIX, _PART = ".workflow", ".part"


class _Head(msgspec.Struct, frozen=True, rename="camel"):
    finished_at: str
    uid: str
    namespace: str
    name: str


class LastStates:
    """What is kept of the deleted.

    Args:
        folder: Where files are kept; None for memory alone.
    """

    def __init__(self, folder: pathlib.Path | None = None) -> None:
        self._folder = folder
        self._memory: dict[str, bytes] = {}
        self._disk: dict[str, int] = {}
        self._gone: list[str] = []
        self._changed = asyncio.Event()
        self.memory_bytes = self.disk_bytes = 0

    def __contains__(self, uid: str) -> bool:
        return uid in self._memory or uid in self._disk

    def keep(self, waiting: Waiting, raw: Mapping[str, Any]) -> None:
        """Keep one, if there is room."""
        if waiting.uid in self:
            return
        head = msgspec.json.encode(_Head(waiting.finished_at, waiting.uid, waiting.namespace, waiting.name))
        text = head + b"\n" + compress(msgspec.json.encode(raw), "zstd").encode()
        if len(head) < _HEAD_BYTES and self.memory_bytes + len(text) <= _MEMORY_BYTES:
            self._memory[waiting.uid] = text
            self.memory_bytes += len(text)
            self._changed.set()

    async def read(self, uid: str) -> Json:
        """One as it last was.

        Raises:
            NotFound: It is not kept, or its file is gone.
            SpecError: Its file is damaged.
            Unavailable: Its file cannot be read now.
        """
        text = self._memory.get(uid)
        if text is None:
            try:
                text = await asyncio.to_thread(self._path(uid).read_bytes)
            except FileNotFoundError:
                raise NotFound(f"the file of workflow {uid} is gone") from None
            except OSError as e:
                raise Unavailable(f"the file of workflow {uid} cannot be read: {e.strerror}") from e
        packed = text.partition(b"\n")[2]
        unpacked = await asyncio.to_thread(lambda: decompress(packed.decode("ascii", "replace")))
        try:
            document: Json = msgspec.json.decode(unpacked, type=dict[str, Any])
        except UNREADABLE as e:
            raise SpecError(f"the file of workflow {uid} holds no object: {e}") from None
        return document

    def forget(self, uid: str) -> None:
        """It is not needed any more."""
        self.memory_bytes -= len(self._memory.pop(uid, b""))
        size = self._disk.pop(uid, None)
        if size is not None:
            self.disk_bytes -= size
            self._gone.append(uid)
            self._changed.set()

    async def load(self) -> list[Waiting]:
        """Those whose files a former life of the process left."""
        if self._folder is None:
            return []
        found = await asyncio.to_thread(_look, self._folder)
        for waiting, size in found:
            if waiting.uid not in self:
                self._disk[waiting.uid] = size
                self.disk_bytes += size
        return [waiting for waiting, _ in found]

    async def run(self) -> None:
        """Bring the memory to the disk, until cancelled; what is left then goes there at once."""
        if self._folder is None:
            return
        try:
            while True:
                await self._changed.wait()
                self._changed.clear()
                await self._work()
        finally:
            for uid in self._movable():
                self._write(uid, self._memory[uid])
            self._unlink()

    async def _work(self) -> None:
        await asyncio.to_thread(self._unlink)
        for uid in self._movable():
            text = self._memory.get(uid)
            if text is None:
                continue
            if not await asyncio.to_thread(self._write, uid, text):
                return
            if uid in self._memory:
                self.memory_bytes -= len(self._memory.pop(uid))
                self._disk[uid] = len(text)
                self.disk_bytes += len(text)
            else:
                # archived while it was written
                self._gone.append(uid)
                self._changed.set()

    def _movable(self) -> list[str]:
        """As many as the disk has room for, oldest first."""
        found, room = [], _DISK_BYTES - self.disk_bytes
        for uid, text in self._memory.items():
            room -= len(text)
            if room < 0:
                break
            found.append(uid)
        return found

    def _write(self, uid: str, text: bytes) -> bool:
        path = self._path(uid)
        part = path.with_suffix(_PART)
        try:
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(text)
            part.replace(path)
        except OSError as e:
            log.warning("what was deleted before it was archived stays in memory: %s: %s", part, e.strerror)
            return False
        return True

    def _unlink(self) -> None:
        while self._gone:
            with contextlib.suppress(OSError):
                self._path(self._gone.pop()).unlink(missing_ok=True)

    def _path(self, uid: str) -> pathlib.Path:
        if self._folder is None:
            raise NotFound(f"workflow {uid} is not kept")
        return self._folder / f"{hashlib.sha256(uid.encode()).hexdigest()}{_SUFFIX}"


def _look(folder: pathlib.Path) -> list[tuple[Waiting, int]]:
    found = []
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in folder.iterdir():
            if path.suffix == _PART:
                # cut off while it was written
                path.unlink(missing_ok=True)
            elif path.suffix == _SUFFIX and (one := _head(path)) is not None:
                found.append((Waiting(one.finished_at, one.uid, one.namespace, one.name), path.stat().st_size))
    except OSError as e:
        log.warning("what former lives kept of deleted workflows cannot be read: %s", e)
    return sorted(found)


def _head(path: pathlib.Path) -> _Head | None:
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.readline(_HEAD_BYTES), type=_Head)
    except (OSError, UnicodeDecodeError, msgspec.MsgspecError) as e:
        log.warning("%s is no workflow that was kept: %s", path, e)
        return None

"""From the bytes of a stored artifact to its file or folder: tar with gzip, zip, or the file itself. Memory stays flat.

Source: argo-semantics 19, 20: `archive: none` is never unpacked, `tar` and `zip` always are, and where nothing is said the
content decides; an archive with one entry at its top becomes that entry.

Differs from Argo: names that lead outside are refused, and archives have caps.
"""

import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple, cast

from tiphys.artifacts.folder import Folder, UnsafeEntryError
from tiphys.errors import UserError
from tiphys.model.arguments import ArchiveStrategy

if TYPE_CHECKING:
    from tarfile import TarFile, TarInfo
    from zipfile import ZipFile, ZipInfo

PART = 1 << 20
_GZIP = b"\x1f\x8b"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
#: What part of the volume an archive may not fill.
_SPARE = 0.05


class Caps(NamedTuple):
    """What one archive may grow to; the volume's own room counts besides."""

    entries: int = 2_000_000
    zip_entries: int = 200_000
    size_bytes: int = 1 << 40


class ArchiveError(UserError):
    """The content is not the archive that the artifact says it is."""

    code = "artifact-archive"


class Reader:
    """A stream of parts as a file that can be read once, forward, and looked into before."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self._held = memoryview(b"")

    def _next(self) -> bytes:
        return next((part for part in self._parts if part), b"")

    def peek(self, size: int) -> bytes:
        """The next `size` bytes, fewer at the end; they are read again later."""
        while len(self._held) < size and (part := self._next()):
            self._held = memoryview(bytes(self._held) + part) if self._held else memoryview(part)
        return bytes(self._held[:size])

    def read(self, size: int = PART) -> bytes:
        """The next bytes, at most `size`; none at the end only."""
        if not self._held:
            self._held = memoryview(self._next())
        found = bytes(self._held[:size])
        self._held = self._held[len(found) :]
        return found

    def rest(self) -> Iterator[bytes]:
        """All that was not read."""
        while part := self.read():
            yield part


def gunzip(reader: Reader) -> Iterator[bytes]:
    """The content of a gzip stream, of all its members, in bounded parts.

    Raises:
        ArchiveError: It is none, or ends too early.
    """
    inflate, has_ended = zlib.decompressobj(31), False
    while part := reader.read(1 << 18):
        if has_ended and part.strip(b"\0"):
            inflate, has_ended = zlib.decompressobj(31), False
        while not has_ended:
            try:
                made = inflate.decompress(part, PART)
            except zlib.error as e:
                raise ArchiveError(f"not a gzip stream: {e}") from e
            if made:
                yield made
            part = inflate.unconsumed_tail
            if inflate.eof:
                has_ended, part = True, inflate.unused_data
                if part.strip(b"\0"):
                    inflate, has_ended = zlib.decompressobj(31), False
            elif not part and len(made) < PART:
                break
    if not has_ended:
        raise ArchiveError("the gzip stream ends too early")


class _Budget:
    """What is left of the caps, asked before each entry and part."""

    def __init__(self, target: Path, caps: Caps) -> None:
        self._caps = caps
        self._entries = 0
        self._written = 0
        self._checked = 0
        self._where = target.parent

    def entry(self) -> None:
        self._entries += 1
        if self._entries > self._caps.entries:
            raise UnsafeEntryError(f"the archive has more than {self._caps.entries} entries")

    def write(self, size: int) -> None:
        self._written += size
        if self._written > self._caps.size_bytes:
            raise UnsafeEntryError(f"the archive unpacks to more than {self._caps.size_bytes} bytes")
        if self._written - self._checked > 64 * PART:
            self._checked = self._written
            room = os.statvfs(self._where)
            if room.f_bavail < room.f_blocks * _SPARE:
                raise UnsafeEntryError(f"the archive fills the volume: it is not at its end after {self._written} bytes")


def unpack(parts: Iterator[bytes], target: Path, archive: ArchiveStrategy | None, *, caps: Caps = Caps()) -> None:  # noqa: B008
    """Put the artifact whose stored bytes are `parts` at `target`, which does not exist yet.

    Raises:
        ArchiveError: It is not packed as `archive` says.
        UnsafeEntryError: It would reach outside, is too big, or holds what an artifact may not.
    """
    reader = Reader(parts)
    unpack_reader(reader, target, kind_of_content(reader, archive), caps=caps)


def unpack_reader(reader: Reader, target: Path, kind: str, *, caps: Caps = Caps()) -> None:  # noqa: B008
    """As `unpack`, with the answer of `kind_of_content`."""
    if kind == "file":
        with target.open("xb", buffering=0) as file:
            for part in reader.rest():
                _write(file.fileno(), part)
    elif kind == "tar":
        _unpack_tar(reader, target, _Budget(target, caps))
    else:
        _unpack_zip(reader, target, _Budget(target, caps), caps)


def kind_of_content(reader: Reader, archive: ArchiveStrategy | None) -> str:
    """`file`, `tar` or `zip`: as the artifact says, or else as its first bytes look."""
    if archive is not None and archive.none is not None:
        return "file"
    if archive is not None and archive.tar is not None:
        return "tar"
    if archive is not None and archive.zip is not None:
        return "zip"
    if reader.peek(2) == _GZIP and _holds_tar(reader.peek(1 << 16)):
        return "tar"
    return "zip" if reader.peek(4) in _ZIP else "file"


def _holds_tar(start: bytes) -> bool:
    from tarfile import TarError, TarInfo

    try:
        block = zlib.decompressobj(31).decompress(start, 512)
        TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (zlib.error, TarError):
        return False
    return True


def _write(file: int, part: bytes) -> None:
    view = memoryview(part)
    while view:
        view = view[os.write(file, view) :]


def _unpack_tar(reader: Reader, target: Path, budget: _Budget) -> None:
    from tarfile import TarError
    from tarfile import open as open_tar

    folder_path = target.parent / f"{target.name}.folder"
    plain = Reader(gunzip(reader)) if reader.peek(2) == _GZIP else reader
    try:
        with Folder(folder_path) as folder, open_tar(fileobj=cast("IO[bytes]", plain), mode="r|", bufsize=PART) as archive:
            for entry in archive:
                vars(archive)["members"].clear()  # it would remember a million of them
                budget.entry()
                _unpack_entry(archive, entry, folder, budget)
            for part in plain.rest():  # the check sum of the whole is at its end
                budget.write(len(part))
    except (TarError, EOFError) as e:
        raise ArchiveError(f"not a tar archive: {e}") from e
    _promote(folder_path, target)


def _unpack_entry(archive: "TarFile", entry: "TarInfo", folder: Folder, budget: _Budget) -> None:
    if entry.isdir():
        folder.add_folder(entry.name, entry.mode)
    elif entry.issym():
        folder.add_link(entry.name, entry.linkname)
    elif entry.islnk():
        folder.add_hard_link(entry.name, entry.linkname)
    elif entry.isreg():
        content = archive.extractfile(entry)
        if content is None:
            raise ArchiveError(f"entry {entry.name!r} has no content")
        with folder.create(entry.name, entry.mode) as file:
            _copy(content.read, file, budget)
            if 0 < entry.mtime < 1 << 40:
                os.utime(file.fileno(), (entry.mtime, entry.mtime))
    else:
        raise UnsafeEntryError(f"entry {entry.name!r} is a device or a pipe")


def _copy(read: Callable[[int], bytes], file: IO[bytes], budget: _Budget) -> None:
    while part := read(PART):
        budget.write(len(part))
        _write(file.fileno(), part)


def _unpack_zip(reader: Reader, target: Path, budget: _Budget, caps: Caps) -> None:
    """The list of a zip archive is at its end, so it goes to disk first."""
    from zipfile import BadZipFile, ZipFile

    spool, folder_path = target.parent / f"{target.name}.zip", target.parent / f"{target.name}.folder"
    try:
        with spool.open("xb", buffering=0) as file:
            for part in reader.rest():
                budget.write(len(part))
                _write(file.fileno(), part)
        _check_zip(spool, caps)
        with ZipFile(spool) as archive, Folder(folder_path) as folder:
            for entry in archive.infolist():
                budget.entry()
                _unpack_zip_entry(archive, entry, folder, budget)
    except (BadZipFile, EOFError, zlib.error, RuntimeError, NotImplementedError) as e:
        raise ArchiveError(f"not a zip archive that can be read: {e}") from e
    finally:
        spool.unlink(missing_ok=True)
    _promote(folder_path, target)


def _check_zip(path: Path, caps: Caps) -> None:
    """Refuse a list that would not fit into memory, before it is read.

    Raises:
        UnsafeEntryError: It is too long.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - 66_000))
        tail = file.read()
    end = tail.rfind(b"PK\x05\x06")
    listed = int.from_bytes(tail[end + 12 : end + 16], "little") if end >= 0 else 0
    if listed == 0xFFFFFFFF:
        end = tail.rfind(b"PK\x06\x06")
        listed = int.from_bytes(tail[end + 40 : end + 48], "little") if end >= 0 else 0
    if listed > caps.zip_entries * 46 * 4:
        raise UnsafeEntryError(f"the zip archive lists more than {caps.zip_entries} entries")


def _unpack_zip_entry(archive: "ZipFile", entry: "ZipInfo", folder: Folder, budget: _Budget) -> None:
    mode = entry.external_attr >> 16
    if entry.is_dir():
        folder.add_folder(entry.filename, mode & 0o777 or 0o755)
        return
    kind = mode & 0o170000
    if kind == 0o120000:
        if entry.file_size > 4096:
            raise UnsafeEntryError(f"entry {entry.filename!r} is a link that is too long")
        folder.add_link(entry.filename, archive.read(entry).decode("utf-8", "surrogateescape"))
    elif kind in (0, 0o100000):
        with archive.open(entry) as content, folder.create(entry.filename, mode & 0o777 or 0o644) as file:
            _copy(content.read, file, budget)
    else:
        raise UnsafeEntryError(f"entry {entry.filename!r} is a device or a pipe")


def _promote(folder: Path, target: Path) -> None:
    """What the archive held becomes the artifact: its only entry, or the folder of them all.

    Raises:
        UnsafeEntryError: The only entry is a link, which would be followed by who mounts it.
    """
    with os.scandir(folder) as listing:
        first = next(listing, None)
        is_one = first is not None and next(listing, None) is None
    if first is None or not is_one:
        folder.rename(target)
        return
    if first.is_symlink():
        raise UnsafeEntryError(f"the artifact itself is a link, {first.name!r}")
    mode = folder.stat().st_mode
    folder.chmod(0o700)
    about = first.stat(follow_symlinks=False)
    if first.is_dir():  # a folder without the right to write cannot be moved by others than root
        Path(first.path).chmod(0o700)
    Path(first.path).rename(target)
    if target.is_dir():
        target.chmod(about.st_mode & 0o777)
    folder.chmod(mode & 0o777)
    folder.rmdir()

"""From what the shim staged (an uncompressed tar archive) to the bytes that are stored.

Memory stays flat, and nothing is written to disk.

The staged archive lies in a folder that the user's command can write: it is opened without following links, and its names
are judged as those of any archive.
"""

import os
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from tiphys.artifacts.folder import parts_of
from tiphys.artifacts.unpack import PART, ArchiveError
from tiphys.errors import SpecError
from tiphys.model.arguments import ArchiveStrategy, TarStrategy

if TYPE_CHECKING:
    from tarfile import TarFile, TarInfo

_DEFAULT_LEVEL = -1


def open_staged(folder: Path, container: str, name: str) -> IO[bytes]:
    """A staged file, whatever the command may have put in its place.

    Raises:
        FileNotFoundError: It is not there.
        ArchiveError: It is no plain file.
    """
    where = os.open(folder / container, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=where)
    except FileNotFoundError:
        raise
    except OSError as e:
        raise ArchiveError(f"{name} cannot be read: {e.strerror}") from e
    finally:
        os.close(where)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise ArchiveError(f"{name} is no file")
    return os.fdopen(file, "rb", buffering=0)


def read_parts(file: IO[bytes], size: int | None = None) -> Iterator[bytes]:
    """The file from where it stands, all of it or `size` bytes.

    Raises:
        ArchiveError: It is shorter than that.
    """
    left = size
    while left is None or left > 0:
        part = file.read(PART if left is None else min(PART, left))
        if not part:
            if left:
                raise ArchiveError("what was staged is not whole")
            return
        left = None if left is None else left - len(part)
        yield part


def level_of(tar: TarStrategy | None) -> int:
    """The gzip level that a tar strategy asks for; -1 is zlib's own.

    Raises:
        SpecError: There is no such level.
    """
    level = tar.compression_level if tar is not None else None
    if level is None:
        return _DEFAULT_LEVEL
    if not -1 <= level <= 9:
        raise SpecError(f"{level} is not between 0 and 9, or -1 for the default", path="archive.tar.compressionLevel")
    return level


def gzipped(parts: Iterator[bytes], level: int) -> Iterator[bytes]:
    """The parts as one gzip stream; the same content gives the same bytes."""
    deflate = zlib.compressobj(level, zlib.DEFLATED, 31)
    for part in parts:
        if made := deflate.compress(part):
            yield made
    yield deflate.flush()


def packed(staged: IO[bytes], archive: ArchiveStrategy | None) -> Iterator[tuple[str, Iterator[bytes], int]]:
    """What to store: key below the artifact's own (empty for the artifact itself), content, and its size (-1 unknown).

    One tuple for an archive or a single file, one for each file of a folder that is not archived. Each content is read
    before the next is asked for.
    """
    if archive is not None and archive.zip is not None:
        yield "", _zipped(staged), -1
    elif archive is not None and archive.none is not None:
        yield from _files(staged)
    else:
        yield "", gzipped(read_parts(staged), level_of(archive.tar if archive else None)), -1


def _open_tar(staged: IO[bytes]) -> "TarFile":
    from tarfile import TarError
    from tarfile import open as open_tar

    try:
        return open_tar(fileobj=staged, mode="r:")
    except TarError as e:
        raise ArchiveError(f"what was staged is not whole: {e}") from e


def _entries(archive: "TarFile") -> "Iterator[TarInfo]":
    from tarfile import TarError

    try:
        while entry := archive.next():
            vars(archive)["members"].clear()  # it would remember a million of them
            yield entry
    except TarError as e:
        raise ArchiveError(f"what was staged is not whole: {e}") from e


def _files(staged: IO[bytes]) -> Iterator[tuple[str, Iterator[bytes], int]]:
    with _open_tar(staged) as archive:
        for entry in _entries(archive):
            if not entry.isreg():
                continue  # stores of objects have neither folders nor links
            staged.seek(entry.offset_data)
            yield "/".join(parts_of(entry.name)[1:]), read_parts(staged, entry.size), entry.size


def _zipped(staged: IO[bytes]) -> Iterator[bytes]:
    from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

    sink = _Sink()
    with _open_tar(staged) as archive, ZipFile(sink, "w", ZIP_DEFLATED) as made:  # type: ignore[call-overload]
        for entry in _entries(archive):
            name = "/".join(parts_of(entry.name))
            if not name.isascii() and name.encode("utf-8", "replace").decode() != name:
                raise ArchiveError(f"{name!a} is no name in a zip archive: it is no UTF-8")
            about = ZipInfo(name + "/" if entry.isdir() else name)
            about.compress_type = ZIP_DEFLATED
            kind = 0o120000 if entry.issym() else 0o40000 if entry.isdir() else 0o100000
            about.external_attr = (entry.mode & 0o777 | kind) << 16
            with made.open(about, "w", force_zip64=entry.size > 1 << 30) as target:
                if entry.issym():
                    target.write(entry.linkname.encode("utf-8", "surrogateescape"))
                elif entry.isreg():
                    staged.seek(entry.offset_data)
                    for part in read_parts(staged, entry.size):
                        target.write(part)
                        yield from sink.take()
            yield from sink.take()
    yield from sink.take()


class _Sink:
    """A file that a zip archive is written to: what was written is taken away at once."""

    def __init__(self) -> None:
        self._held: list[bytes] = []

    def write(self, part: bytes) -> int:
        self._held.append(bytes(part))
        return len(part)

    def flush(self) -> None:
        """Nothing is kept back."""

    def take(self) -> Iterator[bytes]:
        made = b"".join(self._held)
        self._held.clear()
        if made:
            yield made

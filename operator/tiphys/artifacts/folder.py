"""Writing below a folder, and never anywhere else, whatever the names and links of a hostile archive or store say.

Every step is relative to an open folder and follows no link: a name is checked as text, and then by the kernel.
"""

import os
import stat
from pathlib import Path
from typing import IO, Self

from tiphys.errors import UserError

_LONGEST_NAME, _LONGEST_PATH = 255, 4096
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class UnsafeEntryError(UserError):
    """An entry of an archive, or a key of a store, would reach outside of its folder, or is nothing that an artifact may hold."""

    code = "artifact-unsafe"


def parts_of(name: str) -> tuple[str, ...]:
    """The parts of a relative path; `.` and doubled slashes are nothing.

    Raises:
        UnsafeEntryError: It is absolute, goes up, holds a NUL, or is longer than a file system's names are.
    """
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if name.startswith("/") or ".." in parts or "\0" in name:
        raise UnsafeEntryError(f"entry {name!r} would be written outside of the artifact")
    if any(len(os.fsencode(part)) > _LONGEST_NAME for part in parts):
        raise UnsafeEntryError(f"entry {name[:100]!r}... has a name of more than {_LONGEST_NAME} bytes")
    return parts


class Folder:
    """A folder being filled; a context manager, since it holds open folders and sets their modes at the end."""

    def __init__(self, root: Path) -> None:
        root.mkdir()
        self._root = os.open(root, _FOLDER)
        self._last: tuple[tuple[str, ...], int] = ((), self._root)
        self._modes: dict[tuple[str, ...], int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            for parts, mode in reversed(self._modes.items()):
                os.fchmod(self._open(parts), mode)
        finally:
            self._keep((), self._root)
            os.close(self._root)

    def _keep(self, parts: tuple[str, ...], folder: int) -> None:
        if self._last[1] not in (self._root, folder):
            os.close(self._last[1])
        self._last = (parts, folder)

    def _open(self, parts: tuple[str, ...]) -> int:
        """The folder at `parts`, made where it is missing; stays open until the next one is asked for."""
        if self._last[0] == parts:
            return self._last[1]
        current = self._root
        for depth, part in enumerate(parts):
            try:
                try:
                    below = os.open(part, _FOLDER, dir_fd=current)
                except FileNotFoundError:
                    os.mkdir(part, 0o777, dir_fd=current)
                    below = os.open(part, _FOLDER, dir_fd=current)
            except OSError as e:
                where = "/".join(parts[: depth + 1])
                raise UnsafeEntryError(f"entry {'/'.join(parts)!r} goes through {where!r}, which is no folder") from e
            finally:
                if current != self._root:
                    os.close(current)
            current = below
        self._keep(parts, current)
        return current

    def _place(self, name: str) -> tuple[int, str]:
        parts = parts_of(name)
        if not parts:
            raise UnsafeEntryError(f"entry {name!r} has no name")
        return self._open(parts[:-1]), parts[-1]

    def _clear(self, folder: int, name: str) -> None:
        try:
            os.unlink(name, dir_fd=folder)
        except FileNotFoundError:
            return
        except OSError as e:
            raise UnsafeEntryError(f"entry {name!r} stands where a folder is") from e

    def add_folder(self, name: str, mode: int = 0o755) -> None:
        """Make a folder; its mode is set when all is written."""
        parts = parts_of(name)
        os.fchmod(self._open(parts), 0o700)
        self._modes[parts] = mode & 0o777

    def create(self, name: str, mode: int = 0o644) -> IO[bytes]:
        """A new file, open to write; what was there under the name, if no folder, is replaced."""
        folder, last = self._place(name)
        self._clear(folder, last)
        file = os.open(last, _CREATE, 0o600, dir_fd=folder)
        os.fchmod(file, mode & 0o777)
        return open(file, "wb", buffering=0)  # noqa: PTH123 a descriptor

    def add_link(self, name: str, target: str) -> None:
        """A symbolic link, as it was packed; nothing is ever written through it."""
        folder, last = self._place(name)
        self._clear(folder, last)
        if not target or "\0" in target or len(os.fsencode(target)) >= _LONGEST_PATH:
            raise UnsafeEntryError(f"entry {name!r} links to what is no name")
        os.symlink(target, last, dir_fd=folder)

    def add_hard_link(self, name: str, target: str) -> None:
        """Another name of a file that was written before."""
        source, old = self._place(target)
        source = os.dup(source)
        try:
            about = os.stat(old, dir_fd=source, follow_symlinks=False)
            if not stat.S_ISREG(about.st_mode):
                raise UnsafeEntryError(f"entry {name!r} is another name of {target!r}, which is no file")
            folder, last = self._place(name)
            self._clear(folder, last)
            os.link(old, last, src_dir_fd=source, dst_dir_fd=folder, follow_symlinks=False)
        except OSError as e:
            raise UnsafeEntryError(f"entry {name!r} is another name of {target!r}, which is not there") from e
        finally:
            os.close(source)


def set_mode(path: Path, mode: int, *, recurse: bool) -> None:
    """Give the file or folder a mode, and with `recurse` all that is below; links are left alone."""
    about = path.lstat()
    if stat.S_ISLNK(about.st_mode):
        return
    if recurse and stat.S_ISDIR(about.st_mode):
        for _, folders, files, folder in os.fwalk(path, topdown=False, follow_symlinks=False):
            for name in (*folders, *files):
                if not stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                    os.chmod(name, mode & 0o7777, dir_fd=folder)
    path.chmod(mode & 0o7777)

"""Archives made to write elsewhere, to fill the disk or the memory: nothing outside of the target changes, and the fault is told."""

import gzip
import io
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tiphys.artifacts.folder import UnsafeEntryError
from tiphys.artifacts.unpack import ArchiveError, Caps, unpack
from tiphys.errors import UserError
from tiphys.model.arguments import ArchiveStrategy, NoneStrategy, TarStrategy, ZipStrategy


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", content: bytes = b"evil") -> tuple[tarfile.TarInfo, bytes]:
    about = tarfile.TarInfo(name)
    about.type, about.linkname = kind, link
    about.size = len(content) if kind == tarfile.REGTYPE else 0
    return about, content


def tar(*entries: tuple[tarfile.TarInfo, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz", format=tarfile.GNU_FORMAT) as archive:
        for about, content in entries:
            archive.addfile(about, io.BytesIO(content) if about.isreg() else None)
    return made.getvalue()


def zipped(*entries: tuple[str, int, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, mode, content in entries:
            about = zipfile.ZipInfo(name)
            about.external_attr = mode << 16
            archive.writestr(about, content)
    return made.getvalue()


def parts(content: bytes, size: int = 1000) -> "object":
    return iter([content[i : i + size] for i in range(0, len(content), size)])


def world(folder: Path) -> dict[str, object]:
    """All that is outside of the target: names, contents, modes."""
    found = {}
    for one in sorted(folder.rglob("*")):
        if "inside" not in one.parts:
            found[str(one)] = (one.lstat().st_mode, one.read_bytes() if one.is_file() else b"")
    return found


@pytest.fixture
def inside(tmp_path: Path) -> Path:
    (tmp_path / "victim").write_text("whole")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/kept").write_text("whole")
    (tmp_path / "inside").mkdir()
    return tmp_path / "inside"


LINK, HARD, FOLDER = tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE
HOSTILE: dict[str, Callable[[Path], bytes]] = {
    "a name that goes up": lambda _: tar(entry("x"), entry("../../victim")),
    "a name that goes up in its middle": lambda _: tar(entry("x"), entry("a/../../../victim")),
    "an absolute name": lambda outside: tar(entry("x"), entry(f"{outside}/victim")),
    "a folder that goes up": lambda _: tar(entry("x"), entry("../new", FOLDER)),
    "a file through a relative link": lambda _: tar(entry("l", LINK, "../../folder"), entry("l/kept")),
    "a file through an absolute link": lambda outside: tar(entry("l", LINK, f"{outside}/folder"), entry("l/new")),
    "a file through a chain of links": lambda _: tar(entry("a", LINK, ".."), entry("b", LINK, "a/.."), entry("b/victim")),
    "a folder through a link": lambda _: tar(entry("l", LINK, "../../folder"), entry("l/new", FOLDER)),
    "a link through a link": lambda _: tar(entry("l", LINK, "../../folder"), entry("l/new", LINK, "x")),
    "a hard link to what is outside": lambda outside: tar(entry("h", HARD, f"{outside}/victim"), entry("h")),
    "a hard link that goes up": lambda _: tar(entry("h", HARD, "../../victim"), entry("h")),
    "a hard link through a link": lambda _: tar(entry("l", LINK, "../.."), entry("h", HARD, "l/victim"), entry("h")),
    "a hard link to a link": lambda _: tar(entry("l", LINK, "../../victim"), entry("h", HARD, "l"), entry("h")),
    "a character device": lambda _: tar(entry("x"), entry("d", tarfile.CHRTYPE)),
    "a block device": lambda _: tar(entry("x"), entry("d", tarfile.BLKTYPE)),
    "a pipe": lambda _: tar(entry("x"), entry("d", tarfile.FIFOTYPE)),
    "nothing but a link": lambda outside: tar(entry("l", LINK, f"{outside}/folder")),
    "a file where a folder is": lambda _: tar(entry("x"), entry("d/y"), entry("d")),
    "a folder where a file is": lambda _: tar(entry("x"), entry("d"), entry("d/y")),
    "a zip whose name goes up": lambda _: zipped(("x", 0, b""), ("../../victim", 0o100644, b"evil")),
    "a zip with an absolute name": lambda outside: zipped(("x", 0, b""), (f"{outside}/victim", 0o100644, b"evil")),
    "a zip with a file through a link": lambda _: zipped(("l", 0o120777, b"../../folder"), ("l/kept", 0o100644, b"evil")),
    "a zip with a device": lambda _: zipped(("x", 0, b""), ("d", 0o020666, b"")),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_an_archive_that_reaches_outside_is_refused_and_nothing_outside_changes(inside, name):
    before = world(inside.parent)
    with pytest.raises(UnsafeEntryError):
        unpack(parts(HOSTILE[name](inside.parent)), inside / "a", None)
    assert world(inside.parent) == before
    assert not (inside / "a").exists()


def test_a_link_that_is_replaced_by_a_file_does_not_take_the_content_elsewhere(inside):
    before = world(inside.parent)
    unpack(parts(tar(entry("x"), entry("l", LINK, "../../victim"), entry("l"))), inside / "a", None)
    assert world(inside.parent) == before
    assert not (inside / "a/l").is_symlink()
    assert (inside / "a/l").read_text() == "evil"


def test_the_mode_of_a_folder_is_not_given_to_what_a_link_in_its_place_names(inside):
    about, _ = entry("d", FOLDER)
    about.mode = 0o000
    before = world(inside.parent)
    with pytest.raises(UserError):
        unpack(parts(tar(entry("x"), (about, b""), entry("d", LINK, "../../folder"))), inside / "a", None)
    assert world(inside.parent) == before


def test_bits_that_give_another_users_rights_are_not_kept(inside):
    about, content = entry("x")
    about.mode = 0o6755
    unpack(parts(tar((about, content))), inside / "a", None)
    assert (inside / "a").stat().st_mode & 0o7777 == 0o755


def test_more_bytes_than_the_cap_are_refused_before_they_are_written(inside):
    bomb = gzip.compress(tar_of_zeros(64 << 20))
    assert len(bomb) < 100_000
    with pytest.raises(UnsafeEntryError, match="more than 1048576 bytes"):
        unpack(parts(bomb), inside / "a", None, caps=Caps(size_bytes=1 << 20))
    assert sum(one.stat().st_size for one in inside.rglob("*") if one.is_file()) <= 1 << 20


def tar_of_zeros(size: int) -> bytes:
    about = tarfile.TarInfo("zeros")
    about.size = size
    return about.tobuf() + bytes(size) + bytes(1024)


def test_a_zip_that_lies_about_its_size_is_stopped_by_what_it_writes(inside):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(32 << 20))
    with pytest.raises(UserError):
        unpack(parts(made.getvalue()), inside / "a", None, caps=Caps(size_bytes=1 << 20))
    assert sum(one.stat().st_size for one in inside.rglob("*") if one.is_file()) <= 1 << 20


def test_an_archive_that_fills_the_volume_is_stopped_while_there_is_room_left(tmp_path):
    volume = tmp_path / "volume"
    volume.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", volume], check=True)
    try:
        with pytest.raises(UnsafeEntryError, match="fills the volume"):
            unpack(parts(gzip.compress(tar_of_zeros(300 << 20), 1), 1 << 20), volume / "a", None)
        room = os.statvfs(volume)
        assert room.f_bavail > 0
    finally:
        subprocess.run(["umount", volume], check=True)


def test_more_entries_than_the_cap_are_refused(inside):
    with pytest.raises(UnsafeEntryError, match="more than 10 entries"):
        unpack(parts(tar(*(entry(f"f{i}") for i in range(11)))), inside / "a", None, caps=Caps(entries=10))


def test_a_zip_with_a_long_list_is_refused_before_the_list_is_read(inside):
    with pytest.raises(UnsafeEntryError, match="lists more than 10"):
        unpack(parts(zipped(*((f"{'n' * 200}{i}", 0, b"") for i in range(50)))), inside / "a", None, caps=Caps(zip_entries=10))


_MILLION = """
import resource, sys
from pathlib import Path
from tests.integration.artifacts.test_hostile_archives import million
from tiphys.artifacts.folder import UnsafeEntryError
from tiphys.artifacts.unpack import Caps, unpack
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    unpack(million(), Path(sys.argv[1]), None, caps=Caps(entries=50_000))
except UnsafeEntryError as e:
    print(e.message, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def million():
    """A stream of a million entries that are the same folder, so that the disk stays empty."""
    import zlib

    deflate = zlib.compressobj(1, zlib.DEFLATED, 31)
    block = entry("x/y", FOLDER)[0].tobuf() * 1000
    for _ in range(1000):
        yield deflate.compress(block) or b""
    yield deflate.flush()


def test_a_million_entries_need_no_memory_to_be_refused(tmp_path):
    done = subprocess.run([sys.executable, "-c", _MILLION, tmp_path / "a"], capture_output=True, text=True, check=True, timeout=300)
    message, _, grown_kib = done.stdout.strip().rpartition(" ")
    assert message == "the archive has more than 50000 entries"
    assert int(grown_kib) < 50_000


@pytest.mark.parametrize(
    ("content", "archive", "message"),
    [
        (b"hello", ArchiveStrategy(tar=TarStrategy()), "not a tar archive"),
        (b"hello", ArchiveStrategy(zip=ZipStrategy()), "not a zip archive"),
        (gzip.compress(b"hello" * 1000)[:-10], ArchiveStrategy(tar=TarStrategy()), "not a tar archive"),
        (tar(entry("x", content=b"x" * 100_000), entry("y"))[:-20], None, "ends too early"),
        (tar(entry("x"))[:15], ArchiveStrategy(tar=TarStrategy()), "ends too early"),
        (zipped(("x", 0, b"content" * 100))[:-30], ArchiveStrategy(zip=ZipStrategy()), "not a zip archive"),
    ],
    ids=["a text for a tar", "a text for a zip", "cut gzip", "cut tar", "cut head", "cut zip"],
)
def test_what_is_no_archive_or_not_whole_is_told_so_and_leaves_no_artifact(inside, content, archive, message):
    with pytest.raises(ArchiveError, match=message):
        unpack(parts(content), inside / "a", archive)
    assert not (inside / "a").exists()


def test_an_archive_that_is_not_to_be_unpacked_stays_as_it_is(inside):
    content = tar(entry("../x"))
    unpack(parts(content), inside / "a", ArchiveStrategy(none=NoneStrategy()))
    assert (inside / "a").read_bytes() == content



"""Laws of unpacking, for archives that nobody thought of: made of evil parts, or broken anywhere."""

import contextlib
import io
import os
import shutil
import tarfile
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tiphys.artifacts.unpack import unpack
from tiphys.errors import UserError

PARTS = st.sampled_from(["a", "b", "..", ".", "", "victim", "folder", "outside", "c" * 120, "d" * 300])
NAMES = st.builds(lambda lead, parts: lead + "/".join(parts), st.sampled_from(["", "/", "../", "./"]), st.lists(PARTS, min_size=1, max_size=5))
KINDS = st.sampled_from([tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.CONTTYPE, b"\x99"])
ENTRIES = st.lists(st.tuples(NAMES, KINDS, NAMES, st.binary(max_size=20), st.integers(0, 0o7777)), max_size=8)


def archive(entries: list[tuple[str, bytes, str, bytes, int]]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz", format=tarfile.GNU_FORMAT) as tar:
        for name, kind, link, content, mode in entries:
            about = tarfile.TarInfo(name)
            about.type, about.linkname, about.mode = kind, link, mode
            about.size = len(content) if kind == tarfile.REGTYPE else 0
            tar.addfile(about, io.BytesIO(content))
    return made.getvalue()


def outside(folder: Path) -> dict[str, tuple[int, bytes]]:
    found = {}
    for place, folders, files in os.walk(folder):
        # what is inside is not looked at: names of links there may be too long for anybody
        folders[:] = [one for one in folders if Path(place, one) != folder / "inside"]
        for one in (Path(place, name) for name in (*folders, *files)):
            found[str(one)] = (one.lstat().st_mode, one.read_bytes() if one.is_file() and not one.is_symlink() else b"")
    return found


def unpacked(content: bytes) -> None:
    """Unpack it somewhere; only errors of the user's come out, and nothing changes outside."""
    folder = Path(tempfile.mkdtemp(prefix="tiphys-law-"))
    try:
        for name in ("folder", "inside"):
            (folder / name).mkdir()
        for name in ("victim", "outside", "folder/victim"):
            (folder / name).write_text("whole")
        before = outside(folder)
        with contextlib.suppress(UserError):
            unpack(iter([content]), folder / "inside/x", None)
        assert outside(folder) == before
    finally:
        shutil.rmtree(folder)


@settings(max_examples=400, deadline=None)
@given(ENTRIES)
def test_no_archive_changes_anything_outside(entries):
    unpacked(archive(entries))


@settings(max_examples=200, deadline=None)
@given(ENTRIES, st.integers(0, 1 << 16), st.binary(min_size=1, max_size=4))
def test_neither_does_one_that_is_broken_anywhere(entries, at, damage):
    import gzip

    plain = bytearray(gzip.decompress(archive(entries)))
    at %= len(plain)
    plain[at : at + len(damage)] = damage
    unpacked(gzip.compress(bytes(plain), 1))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=2000), st.sampled_from([b"", b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b\x08"]))
def test_neither_does_any_other_content(content, start):
    unpacked(start + content)

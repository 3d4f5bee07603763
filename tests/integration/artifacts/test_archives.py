"""From a command's files through the shim, the packing and the unpacking, back to the same files."""

import gzip
import io
import os
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tiphys.artifacts.folder import UnsafeEntryError, set_mode
from tiphys.artifacts.pack import ArchiveError, gzipped, level_of, open_staged, packed
from tiphys.artifacts.unpack import Reader, gunzip, unpack
from tiphys.errors import SpecError
from tiphys.model.arguments import ArchiveStrategy, NoneStrategy, TarStrategy, ZipStrategy

SHIM = Path(__file__).parents[3] / "operator/tiphys/shim/bin/amd64"
TAR, ZIP, NONE = ArchiveStrategy(tar=TarStrategy()), ArchiveStrategy(zip=ZipStrategy()), ArchiveStrategy(none=NoneStrategy())


def staged(tmp_path: Path, path: Path) -> Path:
    folder = tmp_path / "staged"
    folder.mkdir(exist_ok=True)
    command = [SHIM, "--termination", tmp_path / "message", "--stage", folder / "main", "--artifact", f"a={path}", "--", "true"]
    subprocess.run(command, check=True)
    return folder


def stored(tmp_path: Path, path: Path, archive: ArchiveStrategy | None) -> dict[str, bytes]:
    with open_staged(staged(tmp_path, path), "main", "a.tar") as file:
        return {key: b"".join(content) for key, content, _ in packed(file, archive)}


def back(tmp_path: Path, content: bytes, archive: ArchiveStrategy | None) -> Path:
    unpack(iter([content[i : i + 7777] for i in range(0, len(content), 7777)]), tmp_path / "back", archive)
    return tmp_path / "back"


def tree(path: Path) -> dict[str, object]:
    found = {}
    for one in sorted(path.rglob("*")):
        mode = one.lstat().st_mode & 0o777
        what = str(one.readlink()) if one.is_symlink() else one.read_bytes() if one.is_file() else None
        found[str(one.relative_to(path))] = (None if one.is_symlink() else mode, what)
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "out"
    (made / "sub/empty").mkdir(parents=True)
    (made / "sub/run").write_bytes(os.urandom(300_000))
    (made / "sub/run").chmod(0o751)
    (made / "text").write_text("x" * 100_000)
    (made / "nothing").touch()
    (made / "link").symlink_to("sub/run")
    (made / "elsewhere").symlink_to("/usr/bin/python3")
    (made / ("n" * 120)).write_text("long name")
    (made / "läng €").write_text("other letters")
    (made / "closed").mkdir()
    (made / "closed/in").write_text("in")
    (made / "closed").chmod(0o555)
    return made


@pytest.mark.parametrize("strategy", [None, TAR, ZIP, ArchiveStrategy(tar=TarStrategy(compression_level=0))], ids=["default", "tar", "zip", "tar 0"])
@pytest.mark.parametrize("said", [True, False], ids=["said", "found out"])
def test_a_folder_comes_back_with_all_that_it_held(tmp_path, folder, strategy, said):
    made = stored(tmp_path, folder, strategy)
    assert set(made) == {""}
    assert tree(back(tmp_path, made[""], strategy if said else None)) == tree(folder)


@pytest.mark.parametrize("strategy", [None, TAR, ZIP, NONE], ids=["default", "tar", "zip", "none"])
@pytest.mark.parametrize("size", [0, 1, 511, 512, 3_000_000])
def test_a_file_comes_back_as_a_file(tmp_path, strategy, size):
    content = os.urandom(size)
    (tmp_path / "f.bin").write_bytes(content)
    (tmp_path / "f.bin").chmod(0o640)
    found = back(tmp_path, stored(tmp_path, tmp_path / "f.bin", strategy)[""], strategy)
    assert found.read_bytes() == content
    assert strategy is NONE or found.stat().st_mode & 0o777 == 0o640


def test_without_an_archive_each_file_of_a_folder_is_one_object(tmp_path, folder):
    made = stored(tmp_path, folder, NONE)
    assert set(made) == {"sub/run", "text", "nothing", "n" * 120, "läng €", "closed/in"}
    assert made["sub/run"] == (folder / "sub/run").read_bytes()


def test_a_higher_level_gives_fewer_bytes_and_the_same_content_the_same_bytes(tmp_path):
    (tmp_path / "f").write_text("".join(str(i * i) for i in range(200_000)))
    sizes = [len(stored(tmp_path, tmp_path / "f", ArchiveStrategy(tar=TarStrategy(compression_level=level)))[""]) for level in (0, 1, 9)]
    assert sizes[0] > sizes[1] > sizes[2]
    assert stored(tmp_path, tmp_path / "f", TAR) == stored(tmp_path, tmp_path / "f", TAR)


def test_a_level_that_does_not_exist_is_refused():
    with pytest.raises(SpecError, match=r"archive\.tar\.compressionLevel: 12"):
        level_of(TarStrategy(compression_level=12))


def test_several_entries_at_the_top_become_a_folder_of_them(tmp_path):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("a", "1")
        archive.writestr("b/c", "2")
    assert tree(back(tmp_path, made.getvalue(), None)) == {"a": (0o600, b"1"), "b": (0o755, None), "b/c": (0o600, b"2")}


def test_a_gzip_file_that_holds_no_tar_stays_compressed(tmp_path):
    content = gzip.compress(b"plain text" * 1000)
    assert back(tmp_path, content, None).read_bytes() == content


def test_any_cut_of_the_stream_gives_the_same_content():
    content = os.urandom(100_000) + bytes(3_000_000) + b"end"
    made = gzip.compress(content[:50_000]) + gzip.compress(content[50_000:]) + bytes(512)

    def cut(size: int) -> Iterator[bytes]:
        return (made[i : i + size] for i in range(0, len(made), size))

    for size in (1, 7, 1000, 100_000, len(made)):
        assert b"".join(gunzip(Reader(cut(size)))) == content
    assert b"".join(gunzip(Reader(gzipped(iter([content[:10], content[10:]]), 6)))) == content


@pytest.mark.parametrize("evil", ["link", "pipe", "folder", "linked folder"])
def test_a_staged_file_that_the_command_put_something_else_for_is_not_read(tmp_path, evil):
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "a.tar").write_text("canary")
    (tmp_path / "staged").mkdir()
    main = tmp_path / "staged/main"
    if evil == "linked folder":
        main.symlink_to(secret)
        with pytest.raises(OSError, match=r"Not a directory|Too many levels"):
            open_staged(tmp_path / "staged", "main", "a.tar")
        return
    main.mkdir()
    if evil == "link":
        (main / "a.tar").symlink_to(secret / "a.tar")
    elif evil == "pipe":
        os.mkfifo(main / "a.tar")
    else:
        (main / "a.tar").mkdir()
    with pytest.raises(ArchiveError):
        open_staged(tmp_path / "staged", "main", "a.tar")


def test_names_in_a_staged_archive_are_judged_too(tmp_path):
    import tarfile

    (tmp_path / "staged/main").mkdir(parents=True)
    with tarfile.open(tmp_path / "staged/main/a.tar", "w", format=tarfile.GNU_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo("out/../../../other-bucket"))
    with open_staged(tmp_path / "staged", "main", "a.tar") as file, pytest.raises(UnsafeEntryError):
        list(packed(file, NONE))


def test_a_mode_is_given_to_the_folder_or_to_all_below_but_never_through_a_link(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("x")
    victim.chmod(0o600)
    folder = tmp_path / "f"
    folder.mkdir()
    (folder / "a").write_text("")
    (folder / "a").chmod(0o644)
    (folder / "l").symlink_to(victim)
    set_mode(folder, 0o700, recurse=False)
    assert ((folder / "a").stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o644, 0o700)
    set_mode(folder, 0o711, recurse=True)
    assert ((folder / "a").stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o711, 0o711)
    assert victim.stat().st_mode & 0o777 == 0o600

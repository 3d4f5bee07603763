"""What every driver of a store keeps to. Each test has keys of its own."""

import os
import pathlib
from collections.abc import Iterator

import pytest

from tiphys.artifacts.folder import UnsafeEntryError
from tiphys.artifacts.objects import PART
from tiphys.errors import InvalidManifest, NotFound, TiphysError
from tiphys.ports import Seekable


def read(opened, key: str) -> bytes:
    return b"".join(opened.driver.stream(opened.key(key)))


@pytest.mark.parametrize("size", [0, 1, 100_000])
@pytest.mark.parametrize("known", [True, False], ids=["size known", "size unknown"])
def test_what_is_saved_is_streamed_and_loaded_again(opened, tmp_path, size, known):
    content = os.urandom(size)
    opened.driver.save(opened.key(f"a{size}{known}"), [content[:10], content[10:]], size if known else -1)
    assert read(opened, f"a{size}{known}") == content
    opened.driver.load(opened.key(f"a{size}{known}"), tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == content


def test_many_parts_come_back_in_order(opened, tmp_path):
    parts = [os.urandom(1 << 20) for _ in range(3 * (PART >> 20) + 1)]
    opened.driver.save(opened.key("big"), iter(parts))
    opened.driver.load(opened.key("big"), tmp_path / "big")
    assert (tmp_path / "big").read_bytes() == b"".join(parts)
    assert read(opened, "big") == b"".join(parts)


def test_who_can_give_parts_of_a_file_gives_the_right_ones(opened):
    if not isinstance(opened.driver, Seekable):
        assert not hasattr(opened.driver, "span")
        return
    content = os.urandom(5 << 20)
    opened.driver.save(opened.key("parts"), [content])
    assert opened.driver.size(opened.key("parts")) == len(content)
    for start, end in ((0, 1), (1_000_000, 4_500_001), (len(content) - 1, len(content)), (7, 7)):
        assert b"".join(opened.driver.span(opened.key("parts"), start, end)) == content[start:end]
    with pytest.raises(NotFound):
        opened.driver.size(opened.key("no-parts"))


def test_saving_again_replaces(opened):
    opened.driver.save(opened.key("a"), [b"old and longer"])
    opened.driver.save(opened.key("a"), [b"new"])
    assert read(opened, "a") == b"new"


def test_content_that_breaks_off_leaves_nothing(opened):
    def broken() -> Iterator[bytes]:
        for _ in range(3 * (PART >> 20)):
            yield bytes(1 << 20)
        raise OSError("the disk is gone")

    with pytest.raises((OSError, TiphysError)):
        opened.driver.save(opened.key("broken"), broken())
    with pytest.raises(NotFound):
        read(opened, "broken")


def test_what_is_not_there_is_not_found(opened, tmp_path):
    with pytest.raises(NotFound):
        read(opened, "none")
    with pytest.raises(NotFound):
        opened.driver.load(opened.key("none"), tmp_path / "none")
    assert opened.driver.is_directory(opened.key("none")) is False
    if opened.can_delete:
        opened.driver.delete(opened.key("none"))


@pytest.mark.parametrize("name", ["with space", "a+b", "ä€", "x=y&z", "100%", "semi;colon", "(brackets)", "a%20b"])
def test_names_are_kept_as_they_are(opened, name):
    if not opened.has_folders:
        from urllib.parse import quote

        name = quote(name)
    opened.driver.save(opened.key(name), [name.encode()])
    assert read(opened, name) == name.encode()


def test_a_folder_is_listed_loaded_and_deleted_with_all_below(opened, tmp_path):
    if not opened.has_folders:
        with pytest.raises(InvalidManifest, match="cannot be listed"):
            list(opened.driver.list(opened.key("f")))
        return
    files = {"a": b"1", "sub/b": b"2", "sub/deep/c": b"3"}
    for name, content in files.items():
        opened.driver.save(opened.key(f"f/{name}"), [content])
    opened.driver.save(opened.key("f2"), [b"a neighbour"])
    assert set(opened.driver.list(opened.key("f"))) == {opened.key(f"f/{name}") for name in files}
    assert (opened.driver.is_directory(opened.key("f")), opened.driver.is_directory(opened.key("f/a"))) == (True, False)
    opened.driver.load(opened.key("f"), tmp_path / "f")
    found = {str(one.relative_to(tmp_path / "f")): one.read_bytes() for one in (tmp_path / "f").rglob("*") if one.is_file()}
    assert found == files
    opened.driver.delete(opened.key("f"))
    assert opened.driver.is_directory(opened.key("f")) is False
    assert read(opened, "f2") == b"a neighbour"


def test_a_file_is_deleted(opened):
    opened.driver.save(opened.key("d"), [b"x"])
    if not opened.can_delete:
        with pytest.raises(InvalidManifest, match="deleting is not supported"):
            opened.driver.delete(opened.key("d"))
        return
    opened.driver.delete(opened.key("d"))
    with pytest.raises(NotFound):
        read(opened, "d")


def test_nothing_is_written_over_what_is_there(opened, tmp_path: pathlib.Path):
    opened.driver.save(opened.key("o"), [b"x"])
    (tmp_path / "o").write_text("whole")
    with pytest.raises(FileExistsError):
        opened.driver.load(opened.key("o"), tmp_path / "o")
    assert (tmp_path / "o").read_text() == "whole"


def test_a_key_that_goes_up_writes_nowhere_else(hdfs, secrets, tmp_path):
    """A store can hold such names though our drivers write none."""
    from tests.contract.artifacts.conftest import _hdfs

    from tiphys.artifacts.drivers import open_driver

    class Request:
        @staticmethod
        def getfixturevalue(_: str) -> object:
            return hdfs

    driver = open_driver(_hdfs(Request(), secrets), secrets.read)  # type: ignore[arg-type]
    hdfs.files["/evil/../../victim"] = b"evil"
    hdfs.files["/evil/x"] = b"x"
    with pytest.raises(UnsafeEntryError):
        driver.load("/evil", tmp_path / "in")
    assert not (tmp_path / "victim").exists()

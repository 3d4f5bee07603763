"""The driver for drivers of others, beside its contract: what a driver that is bare, broken or hostile does to us."""

import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.servers.driver import serve

from tiphys.artifacts.plugin import PluginDriver
from tiphys.artifacts.protocol import METHODS, SERVICE, decode, encode
from tiphys.errors import InvalidManifest, NotFound, SpecError, Unavailable
from tiphys.model.locations import PluginArtifact

NO_SECRETS = None


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[pathlib.Path]:
    with tempfile.TemporaryDirectory(prefix="drivers-") as short:  # a socket's path is at most 107 bytes
        monkeypatch.setenv("TIPHYS_DRIVERS", short)
        (pathlib.Path(short) / "mine").mkdir()
        yield pathlib.Path(short)


@pytest.fixture
def files(folder: pathlib.Path, tmp_path: pathlib.Path) -> Iterator[pathlib.Path]:
    server = serve(str(folder / "mine/socket"), tmp_path / "store")
    (tmp_path / "store").mkdir()
    yield tmp_path / "store"
    server.stop(0).wait()


def driver(configuration: str = "", name: str = "mine") -> PluginDriver:
    return PluginDriver(PluginArtifact(name=name, configuration=configuration, connection_timeout_seconds=1), NO_SECRETS)  # type: ignore[arg-type]


def test_a_driver_without_streams_and_folders_is_asked_for_files(files, folder):
    (files / "a").write_bytes(b"content")
    assert b"".join(driver('{"lists": false}').stream("a")) == b"content"
    assert [one.name for one in (folder / "mine").iterdir()] == ["socket"]


def test_what_a_driver_says_is_the_reason(files):
    with pytest.raises(InvalidManifest, match="artifact driver 'mine', SaveStream: the store is full"):
        driver('{"full": true}').save("a", [b"x"])


def test_a_link_that_a_driver_leaves_is_not_followed(files, tmp_path):
    (tmp_path / "secret").write_text("secret")
    (files / "a").write_bytes(b"content")
    hostile = driver(f'{{"lists": false, "link": "{tmp_path}/secret"}}')
    with pytest.raises(InvalidManifest, match="cannot be read"):
        hostile.load("a", tmp_path / "out")
    with pytest.raises(InvalidManifest, match="cannot be read"):
        list(hostile.stream("a"))


@pytest.mark.parametrize("name", ["", "..", "a/b", "A", "x" * 60])
def test_a_name_that_is_no_name_opens_nothing(folder, name):
    with pytest.raises(SpecError, match="no name of a driver"):
        driver(name=name)


def test_where_no_driver_runs_nobody_waits_for_one(folder):
    with pytest.raises(SpecError, match="no artifact driver 'other' runs here"):
        driver(name="other")


def test_a_socket_where_nobody_listens_is_told_in_time(folder):
    (folder / "mine/socket").touch()
    with pytest.raises(Unavailable, match="does not answer"):
        driver().save("a", [b"x"])


def test_a_driver_that_starts_late_is_waited_for(folder, tmp_path):
    (tmp_path / "a").write_bytes(b"late")
    ours = driver()
    process = subprocess.Popen([sys.executable, "-c", (
        "import pathlib, sys; from tests.servers.driver import serve\n"
        "serve(sys.argv[1], pathlib.Path(sys.argv[2])).wait_for_termination(60)")
        , str(folder / "mine/socket"), str(tmp_path)])  # fmt: skip
    try:
        assert b"".join(ours.stream("a")) == b"late"
        with pytest.raises(NotFound):
            list(ours.stream("b"))
    finally:
        process.kill()
        process.wait()


def test_other_drivers_do_not_load_grpc():
    code = ("import sys; from tiphys.artifacts.drivers import open_driver; from tiphys.model.arguments import Artifact; "
            "from tiphys.model.locations import RawArtifact; open_driver(Artifact(raw=RawArtifact(data='x')), None); "
            "sys.exit('grpc' in sys.modules or 'google.protobuf' in sys.modules)")  # fmt: skip
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


WORDS = {"string": st.text(), "strings": st.lists(st.text()), "bytes": st.binary(), "bool": st.booleans(), "int32": st.integers(0, 2**31 - 1)}


@given(st.data())
def test_what_is_encoded_is_decoded_again(data):
    name = data.draw(st.sampled_from([gives for _, gives in METHODS.values()]))
    zeros = decode(name, b"")
    kinds = {bool: "bool", bytes: "bytes", list: "strings", str: "string"}
    values = {field: data.draw(WORDS[kinds[type(zero)]]) for field, zero in zeros.items()}
    assert decode(name, encode(name, values)) == values


@given(st.sampled_from([gives for _, gives in METHODS.values()]), st.binary(max_size=64))
def test_bytes_that_are_no_message_are_refused_or_read(name, content):
    with suppress(InvalidManifest):
        assert decode(name, content).keys() == decode(name, b"").keys()


@pytest.mark.parametrize(("content", "why"), [
    (b"\x0a\x7fabc", "ends within a field"), (b"\x08" + b"\xff" * 11, "too long"), (b"\x0b", "unknown wire type"), (b"\x0d1234", "another type"),
    (b"\x08", "within a number"), (b"\x12\x01\xff", "not UTF-8"),
])  # fmt: skip
def test_a_message_that_is_broken_is_told_what_is_wrong(content, why):
    with pytest.raises(InvalidManifest, match=why):
        decode("SaveArtifactResponse", content)


def test_fields_of_later_versions_are_passed_over():
    later = b"\x52\x03abc" + b"\x58\x01" + b"\x65abcd" + b"\x69abcdefgh"
    assert decode("SaveArtifactResponse", later + b"\x08\x01") == {"success": True, "error": ""}


def test_a_driver_that_answers_no_message_is_told_as_such(folder):
    server = grpc.server(ThreadPoolExecutor(1))
    answer = grpc.unary_unary_rpc_method_handler(lambda _request, _context: b"\x0a\x7f")
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"Delete": answer}),))
    server.add_insecure_port(f"unix:{folder / 'mine/socket'}")
    server.start()
    try:
        with pytest.raises(InvalidManifest, match="artifact driver 'mine', Delete: a message ends within a field"):
            driver().delete("a")
    finally:
        server.stop(0).wait()

"""Tokens that run out."""

import os
import pathlib
from datetime import UTC, datetime, timedelta

import pytest

from tiphys.cluster.connection import find_access
from tiphys.cluster.credentials import FileToken, PluginToken
from tiphys.cluster.versions import is_older
from tiphys.errors import NotFound, Unavailable

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def plugin(folder: pathlib.Path, script: str) -> dict[str, object]:
    path = folder / "plugin"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return {"apiVersion": "client.authentication.k8s.io/v1", "command": "./plugin", "env": [{"name": "WHO", "value": "me"}]}


COUNTING = """
echo x >> {folder}/calls
printf '{{"kind":"ExecCredential","status":{{"token":"%s-%s","expirationTimestamp":"2026-01-01T00:10:00Z"}}}}' $WHO $(wc -l < {folder}/calls)
"""


def test_a_file_is_read_again_when_it_has_changed(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "token"
    file.write_text("one\n")
    token = FileToken(file)
    assert token() == "one"
    file.write_text("two\n")
    os.utime(file, ns=(1, 1))
    assert token() == "two"


def test_a_program_is_asked_again_before_its_token_runs_out(tmp_path: pathlib.Path) -> None:
    now = NOW
    token = PluginToken(plugin(tmp_path, COUNTING.format(folder=tmp_path)), tmp_path, lambda: now)
    assert [token(), token()] == ["me-1", "me-1"]
    now = NOW + timedelta(minutes=9, seconds=40)
    assert token() == "me-2"


def test_a_token_that_was_not_taken_is_asked_for_again(tmp_path: pathlib.Path) -> None:
    token = PluginToken(plugin(tmp_path, COUNTING.format(folder=tmp_path)), tmp_path, lambda: NOW)
    assert token() == "me-1"
    token.renew()
    assert token() == "me-2"


def test_a_program_may_give_a_certificate(tmp_path: pathlib.Path) -> None:
    script = """printf '{"status":{"clientCertificateData":"C","clientKeyData":"K"}}'"""
    assert PluginToken(plugin(tmp_path, script), tmp_path, lambda: NOW).certificate == (b"C", b"K")


@pytest.mark.parametrize(("script", "says"), [("echo no way >&2; exit 3", "ended with 3: no way"), ("echo nonsense", "malformed")])
def test_a_program_that_fails_is_told(tmp_path: pathlib.Path, script: str, says: str) -> None:
    with pytest.raises(Unavailable, match=says):
        PluginToken(plugin(tmp_path, script), tmp_path, lambda: NOW)()


def test_a_program_that_is_not_there_is_told_with_its_hint(tmp_path: pathlib.Path) -> None:
    with pytest.raises(NotFound) as told:
        PluginToken({"command": "./none", "installHint": "install it"}, tmp_path, lambda: NOW)()
    assert told.value.hint == "install it"


def test_a_kubeconfig_with_a_program_is_read(tmp_path: pathlib.Path) -> None:
    plugin(tmp_path, COUNTING.format(folder=tmp_path))
    (tmp_path / "config").write_text(
        """
        current-context: c
        contexts: [{name: c, context: {cluster: k, user: u}}]
        clusters: [{name: k, cluster: {server: "https://example.invalid"}}]
        users: [{name: u, user: {exec: {command: ./plugin, env: [{name: WHO, value: you}]}}}]
        """
    )
    access = find_access(str(tmp_path / "config"))
    assert access.token is not None
    assert access.token().startswith("you-")
    assert access.renew is not None


def test_versions_compare_as_numbers_where_they_are_some() -> None:
    assert is_older("9", "10")
    assert not is_older("10", "9")
    assert not is_older("10", "10")
    assert not is_older("a", "b")

"""Who is asked, and as whom: a kubeconfig, and what is said instead of it."""

import base64
import pathlib

import pytest

from tiphys.cluster.choice import Choice
from tiphys.cluster.connection import find_access
from tiphys.errors import NotFound, SpecError

CONFIG = f"""
current-context: c
contexts: [{{name: c, context: {{cluster: k, user: u, namespace: own}}}}, {{name: d, context: {{cluster: l, user: v}}}}]
clusters:
- {{name: k, cluster: {{server: "https://k", certificate-authority-data: {base64.b64encode(b"of k").decode()}}}}}
- {{name: l, cluster: {{server: "https://l/", insecure-skip-tls-verify: true}}}}
users: [{{name: u, user: {{token: of-u}}}}, {{name: v, user: {{token: of-v}}}}]
"""


@pytest.fixture
def config(tmp_path: pathlib.Path) -> str:
    (tmp_path / "config").write_text(CONFIG)
    for name in ("ca", "certificate", "key"):
        (tmp_path / name).write_text(f"other {name}")
    return str(tmp_path / "config")


@pytest.mark.parametrize(
    ("choice", "server", "token", "namespace"),
    [
        (Choice(), "https://k", "of-u", "own"),
        (Choice(context="d"), "https://l", "of-v", "default"),
        (Choice(cluster="l"), "https://l", "of-u", "own"),
        (Choice(user="v"), "https://k", "of-v", "own"),
        (Choice(server="https://m/"), "https://m", "of-u", "own"),
        (Choice(token="mine"), "https://k", "mine", "own"),  # noqa: S106
    ],
)
def test_what_is_said_counts_instead_of_the_kubeconfig(config: str, choice: Choice, server: str, token: str, namespace: str) -> None:
    access = find_access(config, choice)
    assert access.token is not None
    assert (access.server, access.token(), access.namespace) == (server, token, namespace)


def test_files_stand_in_for_those_of_the_kubeconfig(config: str, tmp_path: pathlib.Path) -> None:
    said = {name: str(tmp_path / path) for name, path in (("certificate_authority", "ca"), ("client_certificate", "certificate"), ("client_key", "key"))}
    access = find_access(config, Choice(is_insecure=True, **said))
    assert (access.ca, access.certificate, access.key, access.is_insecure) == (b"other ca", b"other certificate", b"other key", True)
    assert find_access(config, Choice(context="d", is_insecure=False)).is_insecure is False
    with pytest.raises(NotFound, match="none cannot be read: No such file"):
        find_access(config, Choice(certificate_authority=str(tmp_path / "none")))


def test_one_may_act_on_behalf_of_others(config: str) -> None:
    access = find_access(config, Choice(as_user="jo", as_groups=("a", "b"), as_uid="7"))
    assert access.headers == (("Impersonate-User", "jo"), ("Impersonate-Uid", "7"), ("Impersonate-Group", "a"), ("Impersonate-Group", "b"))
    with pytest.raises(SpecError, match="--as-group and --as-uid say more of whom --as names"):
        find_access(config, Choice(as_groups=("a",)))


def test_a_server_needs_no_kubeconfig(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    access = find_access("", Choice(server="https://m", token="mine"))  # noqa: S106
    assert access.token is not None
    assert (access.server, access.token(), access.namespace) == ("https://m", "mine", "default")
    (tmp_path / "empty").write_text("{}")
    assert find_access(str(tmp_path / "empty"), Choice(server="https://m")).server == "https://m"
    with pytest.raises(NotFound, match="no kubeconfig"):
        find_access("", Choice(token="mine"))  # noqa: S106


@pytest.mark.parametrize("choice", [Choice(context="x"), Choice(cluster="x"), Choice(user="x")])
def test_what_the_kubeconfig_has_not_is_named(config: str, choice: Choice) -> None:
    with pytest.raises(NotFound, match=r"the kubeconfig has no (context|cluster|user) 'x'"):
        find_access(config, choice)

"""Who is asked, and as whom: a kubeconfig, and what is said instead of it."""

import base64
import pathlib

import pytest

from tiphys.cli.reach import Reach
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
        (Choice(token="mine", username="jo"), "https://k", "mine", "own"),  # noqa: S106
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


def test_a_user_may_have_a_password(config: str, tmp_path: pathlib.Path) -> None:
    access = find_access(config, Choice(username="jo", password="p:w"))  # noqa: S106
    assert access.credentials == {"Authorization": f"Basic {base64.b64encode(b'jo:p:w').decode()}"}
    (tmp_path / "other").write_text(CONFIG.replace("token: of-u", "username: ann, password: p"))
    assert find_access(str(tmp_path / "other")).credentials == {"Authorization": f"Basic {base64.b64encode(b'ann:p').decode()}"}
    assert find_access(str(tmp_path / "other"), Choice(token="mine")).credentials == {"Authorization": "Bearer mine"}  # noqa: S106


def test_how_the_server_is_reached_is_said_or_stands_in_the_kubeconfig(config: str, tmp_path: pathlib.Path) -> None:
    (tmp_path / "other").write_text(CONFIG.replace('"https://k"', '"https://k", proxy-url: "http://p:1", tls-server-name: n'))
    access = find_access(str(tmp_path / "other"))
    assert (access.proxy, access.tls_server_name, access.timeout) == ("http://p:1", "n", 60)
    access = find_access(str(tmp_path / "other"), Choice(proxy_url="https://q", tls_server_name="m", timeout=0, is_plain=True))
    assert (access.proxy, access.tls_server_name, access.timeout) == ("https://q", "m", 0)
    assert access.headers == (("Accept-Encoding", "identity"),)
    for url in ("socks5://p:1", "p:1", "http://"):
        with pytest.raises(SpecError, match="is no address of a proxy"):
            find_access(config, Choice(proxy_url=url))


@pytest.mark.parametrize(("text", "seconds"), [("", None), ("0", 0), ("30", 30), ("1m30s", 90), ("300ms", 0.3)])
def test_the_time_of_a_request_is_seconds_or_says_its_units(text: str, seconds: float | None) -> None:
    assert Reach(request_timeout=text).choice.timeout == seconds


def test_what_is_no_time_of_a_request_is_told() -> None:
    with pytest.raises(SpecError, match="--request-timeout"):
        _ = Reach(request_timeout="soon").choice

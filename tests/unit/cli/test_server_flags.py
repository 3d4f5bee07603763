"""The server's flags: what contradicts itself or is unsafe is refused before anything is opened."""

import pytest

from tiphys.cli.app import app
from tiphys.cli.server import Care, Encryption, Events, Unused, server
from tiphys.errors import SpecError
from tiphys.server.queueing import Dispatching


def test_others_are_served_by_https_and_this_machine_without() -> None:
    assert Encryption().is_on("0.0.0.0")  # noqa: S104
    assert not Encryption().is_on("127.0.0.1")
    assert Encryption(secure=True).is_on("127.0.0.1")
    assert not Encryption(secure=False).is_on("0.0.0.0")  # noqa: S104
    assert Encryption(tls_certificate_secret_name="s").is_on("::1")  # noqa: S106 a name


@pytest.mark.parametrize(("flags", "said"), [
    ({"tls_certificate": "c"}, "belong together"),
    ({"tls_certificate": "c", "tls_key": "k", "tls_certificate_secret_name": "s"}, "both given"),
    ({"secure": False, "tls_certificate": "c", "tls_key": "k"}, "--no-secure"),
])  # fmt: skip
def test_flags_that_contradict_each_other_are_refused(flags: dict[str, object], said: str) -> None:
    with pytest.raises(SpecError, match=said):
        Encryption(**flags).is_on("127.0.0.1")  # type: ignore[arg-type]


@pytest.mark.parametrize(("said", "means"), [("", "/"), ("/", "/"), ("argo", "/argo/"), ("/a/b", "/a/b/"), ("/a/", "/a/")])
def test_a_base_path_has_a_slash_at_both_ends(said: str, means: str) -> None:
    assert Care(base_href=said).safety(is_strict=False).base_href == means


@pytest.mark.parametrize("flags", [{"base_href": "/a b/"}, {"base_href": '/"><script>/'}, {"x_frame_options": "maybe"}, {"api_rate_limit": -1}])
def test_flags_that_mean_nothing_are_refused(flags: dict[str, object]) -> None:
    with pytest.raises(SpecError):
        Care(**flags).safety(is_strict=False)  # type: ignore[arg-type]


def test_no_address_that_others_reach_without_a_chosen_mode() -> None:
    with pytest.raises(SpecError, match="reached by others") as refused:
        server(host="0.0.0.0")  # noqa: S104
    assert "--auth-mode" in refused.value.hint


def test_events_are_dispatched_before_the_answer_unless_said_otherwise() -> None:
    assert Events().dispatching() == Dispatching(is_later=False, queue_size=16, workers=4)
    said = Events(event_async_dispatch=True, event_operation_queue_size=3, event_worker_count=2)
    assert said.dispatching() == Dispatching(is_later=True, queue_size=3, workers=2)


@pytest.mark.parametrize("flags", [{"event_operation_queue_size": 0}, {"event_worker_count": 0}])
def test_events_need_a_worker_and_a_place_to_wait(flags: dict[str, int]) -> None:
    with pytest.raises(SpecError, match="1 or more"):
        Events(**flags).dispatching()  # type: ignore[arg-type]


def test_flags_of_argos_that_change_nothing_are_told() -> None:
    said = Unused(kube_api_qps=20, kube_api_burst=30, gloglevel=1).sentences()
    assert [sentence.split()[0] for sentence in said] == ["--kube-api-qps", "--kube-api-burst", "--gloglevel"]
    assert all("has no effect" in sentence for sentence in said)
    assert not Unused().sentences()


@pytest.mark.parametrize(
    ("tokens", "environment", "protocols"),
    [
        ("", "", ("http", "https")), ("", "https, ftp", ("https", "ftp")),
        ("--allowed-link-protocol HTTPS --allowed-link-protocol ftp,ssh", "irc", ("https", "ftp", "ssh")),
    ],
)  # fmt: skip
def test_protocols_of_links_are_said_by_flags_or_by_the_environment(
    monkeypatch: pytest.MonkeyPatch, tokens: str, environment: str, protocols: tuple[str, ...]
) -> None:
    if environment:
        monkeypatch.setenv("ALLOWED_LINK_PROTOCOL", environment)
    _, bound, _ = app.parse_args(["server", "--auth-mode", "server", *tokens.split()])
    assert bound.arguments.get("care", Care()).protocols() == protocols


def test_a_number_of_kept_workflows_is_none_below_nothing() -> None:
    with pytest.raises(SpecError, match="0 or more"):
        server(list_cache=-1)

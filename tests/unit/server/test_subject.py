"""Whose authorization counts."""

import pytest

from tiphys.cluster.connection import Access
from tiphys.errors import Forbidden, Unauthorized
from tiphys.server.subject import Asked, Gate

OWN = Access(server="http://x", token=lambda: "own", certificate=b"c", key=b"k")


def gate(*modes: str) -> Gate:
    return Gate(access=OWN, modes=frozenset(modes))  # type: ignore[arg-type]


def test_a_cookie_counts_for_reads_and_for_changes_by_our_own_pages_only() -> None:
    headers = {"cookie": "a=b; authorization=Bearer one; authorization=Bearer%20two", "host": "us:1"}
    assert Asked.of("GET", headers).candidates() == ("Bearer one", "Bearer two")
    assert Asked.of("POST", headers).candidates() == ()
    assert Asked.of("POST", {**headers, "origin": "https://us:1"}).candidates() == ("Bearer one", "Bearer two")
    assert Asked.of("POST", {**headers, "sec-fetch-site": "same-origin"}).candidates() == ("Bearer one", "Bearer two")
    forwarded = {**headers, "host": "inside", "x-forwarded-host": "us", "origin": "https://us"}
    assert Asked.of("PUT", forwarded).candidates() == ("Bearer one", "Bearer two")


@pytest.mark.parametrize("more", [{"origin": "https://them"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site", "origin": "https://us:1"}])
def test_a_page_of_another_site_is_refused_whatever_it_shows(more: dict[str, str]) -> None:
    with pytest.raises(Forbidden, match="may change nothing"):
        Asked.of("POST", {"host": "us:1", "authorization": "Bearer t", **more})


async def test_a_callers_connection_has_nothing_of_the_servers_own() -> None:
    access = (await gate("client", "server").admit(Asked(authorization="Bearer  theirs "))).api.access
    assert access.token is not None
    assert (access.token(), access.certificate, access.key, access.renew) == ("theirs", b"", b"", None)


async def test_the_header_wins_over_cookies_and_the_first_good_one_counts() -> None:
    asked = Asked(authorization="Bearer header", cookies=("Bearer cookie",))
    assert (await gate("client").admit(asked)).api.access.token() == "header"  # type: ignore[misc]
    asked = Asked(cookies=("nonsense", "Bearer cookie"))
    assert (await gate("client").admit(asked)).api.access.token() == "cookie"  # type: ignore[misc]


@pytest.mark.parametrize("said", ["", "Bearer", "Bearer  ", "Basic dTpw", "nonsense"])
async def test_who_shows_no_token_is_let_in_by_mode_server_only(said: str) -> None:
    with pytest.raises(Unauthorized, match="token not valid"):
        await gate("client").admit(Asked(authorization=said))
    assert (await gate("client", "server").admit(Asked(authorization=said))).api.access is OWN


def test_a_server_of_one_namespace_serves_no_other() -> None:
    only = Gate(access=OWN, modes=frozenset({"server"}), namespace="ns")
    assert only.place("") == "ns"
    assert only.place("ns") == "ns"
    with pytest.raises(Forbidden, match="'ns' only"):
        only.place("other")

"""How often one address may ask."""

from tiphys.server.limits import RateLimit, address_of


def test_who_asks_too_often_in_a_second_is_told_so_and_may_again_in_the_next() -> None:
    now = 100.5
    limit = RateLimit(2, lambda: now)
    first, second, third = (limit.take("a") for _ in range(3))
    assert first is not None
    assert second is not None
    assert third is not None
    assert [one.is_exceeded for one in (first, second, third)] == [False, False, True]
    assert first.headers() == {"X-RateLimit-Limit": "2", "X-RateLimit-Remaining": "1", "X-RateLimit-Reset": "Thu, 01 Jan 1970 00:01:41 GMT"}
    assert third.headers()["Retry-After"] == "1"
    assert third.headers()["X-RateLimit-Remaining"] == "0"
    now = 101.0
    again = limit.take("a")
    assert again is not None
    assert not again.is_exceeded


def test_one_address_does_not_use_up_anothers_requests() -> None:
    limit = RateLimit(1, lambda: 5.0)
    assert [limit.take(one).is_exceeded for one in ("a", "b", "a")] == [False, False, True]  # type: ignore[union-attr]


def test_no_limit_counts_nothing() -> None:
    assert RateLimit(0).take("a") is None


def test_only_headers_that_are_named_say_whose_requests_count() -> None:
    headers = [(b"x-forwarded-for", b"10.0.0.1, 10.0.0.2"), (b"x-real-ip", b"")]
    assert address_of("peer", headers, ()) == "peer"
    assert address_of("peer", headers, ("X-Real-IP", "X-Forwarded-For")) == "10.0.0.1"
    assert address_of("peer", (), ("X-Forwarded-For",)) == "peer"

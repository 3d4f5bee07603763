"""How often one address may ask.

Source: features, `--api-rate-limit`; rest-and-clients 1.2, "Headers".
"""

import time
from collections.abc import Callable, Iterable
from typing import NamedTuple


class Allowance(NamedTuple):
    """What an address may still ask in this second.

    Attributes:
        limit: Requests in a second.
        remaining: Those that are left; -1 when this one was too many.
        reset: When all are there again, in Unix seconds.
    """

    limit: int
    remaining: int
    reset: int

    @property
    def is_exceeded(self) -> bool:
        """Whether this request is one too many."""
        return self.remaining < 0

    def headers(self) -> dict[str, str]:
        """As clients are told; who has asked too often is told when to come again."""
        said = {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(max(self.remaining, 0)),
            "X-RateLimit-Reset": time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(self.reset)),
        }
        return {**said, "Retry-After": "1"} if self.is_exceeded else said


class RateLimit:
    """Counts the requests of this second, by address. What is remembered is as much as came in one second.

    Args:
        limit: Requests an address may make in a second; 0 for any number.
        clock: Gives Unix seconds.
    """

    def __init__(self, limit: int, clock: Callable[[], float] = time.time) -> None:  # noqa: TID251 windows are of the wall's clock
        self._limit, self._clock = limit, clock
        self._second = 0
        self._counts: dict[str, int] = {}

    def take(self, address: str) -> Allowance | None:
        """Count a request; None when there is no limit."""
        if not self._limit:
            return None
        second = int(self._clock())
        if second != self._second:
            self._second, self._counts = second, {}
        count = self._counts[address] = self._counts.get(address, 0) + 1
        return Allowance(self._limit, max(self._limit - count, -1), second + 1)


def address_of(peer: str, headers: Iterable[tuple[bytes, bytes]], named: tuple[str, ...]) -> str:
    """Whose requests are counted: the first address that one of the named headers gives, else the connection's.

    Args:
        peer: The address of the connection.
        headers: Names, in lower case, and values.
        named: Headers that a trusted proxy sets (IP_KEY_FUNC_HEADERS).
    """
    if named:
        said = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
        for name in named:
            first = said.get(name.lower(), "").split(",")[0].strip()
            if first:
                return first
    return peer

"""The last lines of a log that was kept."""

from collections.abc import AsyncIterator

import pytest

from tiphys.server import printed
from tiphys.server.printed import last_lines

LINES = [b"%d\n" % number for number in range(50)]


class Kept:
    """A log, and how often it was read."""

    def __init__(self) -> None:
        self.times = 0

    async def read(self) -> AsyncIterator[bytes]:
        self.times += 1
        for line in LINES:
            yield line


@pytest.mark.parametrize("most", [2**22, 20, 1])
@pytest.mark.parametrize("count", [None, 0, 1, 3, 49, 50, 51, 10**8])
async def test_the_last_lines_are_the_last_whatever_may_wait(monkeypatch: pytest.MonkeyPatch, count: int | None, most: int) -> None:
    monkeypatch.setattr(printed, "_MOST_BYTES", most)
    log = Kept()
    assert [line async for line in last_lines(log.read, count)] == (LINES if count is None else LINES[max(0, 50 - count) :])
    assert log.times == (1 if count in (None, 0) or most == 2**22 or (count <= 3 and most == 20) else 2)

"""How long a server waits for who takes its answers."""

import asyncio

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from tiphys.server.patience import Patient


async def nobody(_scope: object, _receive: object, _send: object) -> None:
    """Answers nothing."""


class Slow(asyncio.Transport):
    """To somebody who takes what waits bit by bit, as often as there is another number."""

    def __init__(self, *waiting: int) -> None:
        super().__init__({"peername": ("10.0.0.1", 1), "sockname": ("10.0.0.2", 2)})
        self._waiting = list(waiting)
        self.aborted = asyncio.Event()

    def get_write_buffer_size(self) -> int:
        """Bytes; the last number for ever."""
        return self._waiting.pop(0) if len(self._waiting) > 1 else self._waiting[0]

    def is_closing(self) -> bool:
        """Never before its end."""
        return False

    def abort(self) -> None:
        """Its end."""
        self.aborted.set()

    def close(self) -> None:
        """Its end, too."""

    @property
    def left(self) -> list[int]:
        """What was not asked for yet."""
        return self._waiting


@pytest.mark.parametrize(
    ("waiting", "left"),
    [
        pytest.param((900, 600, 599, 10), [10], id="who takes something now and then, until it takes nothing"),
        pytest.param((900, 900, 5, 4), [5, 4], id="who takes nothing at all"),
    ],
)
async def test_only_who_takes_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch, waiting: tuple[int, ...], left: list[int]) -> None:
    monkeypatch.setattr(Patient, "take_seconds", 0.001)
    transport = Slow(*waiting)
    protocol = Patient(config=Config(app=nobody), server_state=ServerState(), app_state={})
    protocol.connection_made(transport)
    protocol.pause_writing()
    await asyncio.wait_for(transport.aborted.wait(), 30)
    assert transport.left == left, "asked until nothing was taken any more"
    protocol.connection_lost(None)

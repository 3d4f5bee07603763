"""How long a connection is kept whose client sends too slowly what it asks, or takes nothing of what it is answered.

Connections that nobody uses cost memory and descriptors; whoever opens them needs no rights. So a head comes within seconds of
the connection or of the answer before it, a body comes on all the time, and what is sent is taken.
"""

import asyncio
import logging
from typing import Literal

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

log = logging.getLogger(__name__)


class Patient(H11Protocol):
    """HTTP/1.1 over one connection.

    Attributes:
        head_seconds: Until the whole head of a request is there, and the rest of one that was answered before its end.
        body_seconds: Until the next part of a body is there.
        take_seconds: Until a client takes something of an answer that waits for it; it may take all as slowly as it likes.
        end_seconds: The same, once the server ends.
    """

    head_seconds = 20.0
    body_seconds = 60.0
    take_seconds = 120.0
    end_seconds = 3.0
    _coming: asyncio.TimerHandle | None = None
    _leaving: asyncio.TimerHandle | None = None
    _awaited = ""
    _left: dict[str, int]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody is there."""
        super().connection_made(transport)  # type: ignore[arg-type]
        self._left = {}
        self._expect()

    def data_received(self, data: bytes) -> None:
        """Something has come."""
        super().data_received(data)
        self._expect()

    def on_response_complete(self) -> None:
        """A request is answered; perhaps another one follows."""
        super().on_response_complete()
        self._expect()

    def pause_writing(self) -> None:
        """Much waits for the client."""
        super().pause_writing()
        if self._leaving is None:
            self._takes("_leaving")
            self._leaving = self.loop.call_later(self.take_seconds, self._untaken)

    def resume_writing(self) -> None:
        """It has taken enough for more."""
        super().resume_writing()
        self._stop("_leaving")

    def shutdown(self) -> None:
        """The server ends."""
        super().shutdown()
        if self.flow.write_paused:
            self._stop("_leaving")
            self._leaving = self.loop.call_later(self.end_seconds, self._abort, "takes nothing of its answer")

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is there any more."""
        self._stop("_coming", "_leaving")
        super().connection_lost(exc)

    def _expect(self) -> None:
        """Wait for what the client has to do next; only parts of a body prolong that."""
        awaited = self._next()
        if awaited == self._awaited and awaited != "body" and self._coming is not None:
            return
        self._awaited = awaited
        self._stop("_coming")
        if awaited == "end":
            self._takes("_coming")
        seconds = {"head": self.head_seconds, "rest": self.head_seconds, "body": self.body_seconds, "end": self.take_seconds}
        if awaited:
            self._coming = self.loop.call_later(seconds[awaited], self._missing)

    def _stop(self, *timers: Literal["_coming", "_leaving"]) -> None:
        for name in timers:
            timer: asyncio.TimerHandle | None = getattr(self, name)
            if timer is not None:
                timer.cancel()
                setattr(self, name, None)

    def _next(self) -> str:
        if self.transport.is_closing():
            return "end"
        if self.conn.their_state is h11.SEND_BODY:
            return "rest" if self.cycle.response_complete else "body"
        return "head" if self.conn.their_state is h11.IDLE else ""

    def _takes(self, timer: str) -> bool:
        """Whether less waits for the client than when a timer asked last."""
        before, left = self._left.get(timer, 0), self.transport.get_write_buffer_size()
        self._left[timer] = left
        return left < before

    def _untaken(self) -> None:
        self._leaving = None
        if self._takes("_leaving"):
            self._leaving = self.loop.call_later(self.take_seconds, self._untaken)
        else:
            self._abort("takes nothing of its answer")

    def _missing(self) -> None:
        self._coming = None
        is_patient = self.flow.read_paused if self._awaited == "body" else self._awaited == "end" and self._takes("_coming")
        if is_patient:
            # not the client is slow, but who stores what it sends; or it is, and takes its answer all the same
            self._expect()
            return
        self._abort("sends too slowly" if self._awaited != "end" else "takes nothing of its answer")

    def _abort(self, what: str) -> None:
        log.info("the connection of %s is ended: it %s", self.client[0] if self.client else "a client", what)
        self.transport.abort()

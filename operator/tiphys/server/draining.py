"""Streams end well when the server ends: clients see an end, and come again to another replica."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ENDLESS = (b"text/event-stream", b"application/json")
"""What is a stream of messages; a file that ends early must not look whole."""


class Draining:
    """Wraps the application; `close` ends the streams that are open."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._streams: set[asyncio.Task[None]] = set()
        self._is_closing = False

    def close(self) -> None:
        """End every stream; new ones end at once."""
        self._is_closing = True
        for task in tuple(self._streams):
            task.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        task = asyncio.current_task()
        if scope["type"] != "http" or task is None:
            await self._app(scope, receive, send)
            return
        is_endless = is_open = False

        async def pass_on(message: Message) -> None:
            nonlocal is_endless, is_open
            if message["type"] == "http.response.start":
                kinds = dict(message.get("headers", ()))
                is_endless = b"content-length" not in kinds and kinds.get(b"content-type", b"").startswith(_ENDLESS)
            is_open = message["type"] == "http.response.start" or bool(message.get("more_body"))
            await send(message)
            if is_endless and is_open:
                self._streams.add(task)
                if self._is_closing:
                    task.cancel()

        try:
            await self._app(scope, receive, pass_on)
        except asyncio.CancelledError:
            if not (self._is_closing and is_endless and is_open):
                raise
            task.uncancel()
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._streams.discard(task)

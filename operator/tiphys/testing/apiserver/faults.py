"""What goes wrong between a client and the server, on demand."""

from collections.abc import Callable
from typing import Literal

import msgspec
from aiohttp import web

from tiphys.local.paths import Target


class Call(msgspec.Struct, frozen=True):
    """One request.

    Attributes:
        verb: `get`, `list`, `watch`, `create`, `patch`, `put`, `delete`, `deletecollection` or `log`.
        kind: Plural name, as `pods`.
    """

    verb: str
    kind: str
    namespace: str = ""
    name: str = ""
    agent: str = ""
    user: str = ""

    @property
    def is_effect(self) -> bool:
        """Whether it changes something."""
        return self.verb in ("create", "patch", "put", "delete", "deletecollection")


class Fault(msgspec.Struct):
    """One thing that goes wrong for the requests it is about, as often as `times` says.

    Attributes:
        verb, kind: Which requests; empty for any.
        matches: Further says which requests.
        does: `answer` with `status`; `drop` the connection before anything is done; `lose` the answer after all is done; `hang`
            until the client gives up; `silence` a watch: its connection stays, and nothing comes; `cut` a watch in the middle of
            an event; `end` a watch after its next event; `stale`: a list is as of `version`; `expire`: a watch is told 410;
            `fail`: a watch is told of an error with `status`.
        retry_after: Seconds in the answer's header.
    """

    does: Literal["answer", "drop", "lose", "hang", "silence", "cut", "end", "stale", "expire", "fail"]
    verb: str = ""
    kind: str = ""
    status: int = 503
    retry_after: int | None = None
    version: int = 0
    times: int = 1
    matches: Callable[[Call], bool] = lambda _call: True

    def is_about(self, call: Call) -> bool:
        """Whether it strikes this request."""
        return self.times > 0 and self.verb in ("", call.verb) and self.kind in ("", call.kind) and self.matches(call)


def call_of(request: web.Request, target: Target) -> Call:
    """The request in short."""
    place = target.place
    if request.method == "GET" and target.sub == "log":
        verb = "log"
    elif request.method == "GET":
        verb = "get" if place.name else "watch" if request.query.get("watch") in ("1", "true") else "list"
    elif request.method == "DELETE":
        verb = "delete" if place.name else "deletecollection"
    else:
        verb = {"POST": "create", "PATCH": "patch", "PUT": "put"}[request.method]
    return Call(verb, place.plural, place.namespace, place.name, request.headers.get("User-Agent", ""))

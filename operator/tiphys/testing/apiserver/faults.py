"""What goes wrong between a client and the server, on demand."""

from collections.abc import Callable
from typing import Literal

import msgspec


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

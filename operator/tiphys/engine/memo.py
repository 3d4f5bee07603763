"""Memos: outputs that a template remembers under a key.

Source: argo-semantics 17.
"""

import re
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import msgspec

from tiphys.engine import events
from tiphys.engine.actions import LookUpMemo, SaveMemo
from tiphys.errors import SpecError
from tiphys.model.arguments import Outputs
from tiphys.model.durations import parse_duration
from tiphys.model.template import Memoize

if TYPE_CHECKING:
    from tiphys.engine.run import Run

_KEY = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9]*")


class Memo(msgspec.Struct, frozen=True):
    """Where a node's outputs are remembered.

    Attributes:
        cache: Name of a ConfigMap.
        max_age_seconds: None for any age.
    """

    cache: str
    key: str
    max_age_seconds: float | None = None


class MemoEntry(msgspec.Struct, frozen=True, rename="camel"):
    """One remembered value as its ConfigMap holds it."""

    node_id: str = msgspec.field(default="", name="nodeID")
    outputs: Outputs | None = None
    creation_timestamp: datetime | None = None
    last_hit_timestamp: datetime | None = None

    def is_hit(self, max_age_seconds: float | None, now: datetime) -> bool:
        """Whether it counts: it names a node and is young enough."""
        if not self.node_id:
            return False
        if max_age_seconds is None or self.creation_timestamp is None:
            return True
        return (now - self.creation_timestamp).total_seconds() <= max_age_seconds


def memo_of(written: Memoize) -> Memo:
    """The memo that a block asks for; its texts are substituted already.

    Raises:
        SpecError: The key is no key, the age no duration, or no ConfigMap is named.
    """
    cache = str((written.cache.config_map or {}).get("name", "")) if written.cache else ""
    if not cache:
        raise SpecError("memoize.cache.configMap.name is required")
    if not _KEY.fullmatch(written.key):
        raise SpecError(f"invalid cache key: {written.key}")
    if not written.max_age:
        return Memo(cache, written.key)
    try:
        return Memo(cache, written.key, parse_duration(written.max_age).total_seconds())
    except SpecError as e:
        raise SpecError(f"invalid maxAge: {e.message}") from e


class Rememberer(Protocol):
    """Who asked for a memo."""

    def memo_answered(self, event: events.MemoAnswered) -> None:
        """The memo was looked up."""


class RunMemos:
    """The questions about memos that are under way."""

    def __init__(self, run: "Run") -> None:
        self._run = run
        self._asking: dict[str, Rememberer] = {}
        self._saving: dict[str, Callable[[str], None]] = {}

    def look_up(self, node_id: str, memo: Memo, rememberer: Rememberer) -> None:
        """Ask; the rememberer is told."""
        self._asking[node_id] = rememberer
        self._run.act(LookUpMemo(node_id, memo.cache, memo.key, memo.max_age_seconds))

    def save(self, node_id: str, memo: Memo, outputs: Outputs | None, then: Callable[[str], None]) -> None:
        """Remember; `then` is told an error, or the empty text."""
        self._saving[node_id] = then
        self._run.act(SaveMemo(node_id, memo.cache, memo.key, outputs))

    def is_saving(self, node_id: str) -> bool:
        """Whether the node has ended but for its memo."""
        return node_id in self._saving

    def handle(self, event: "events.MemoAnswered | events.MemoSaved") -> None:
        """Take an answer; one to a question that was not asked changes nothing."""
        if isinstance(event, events.MemoSaved):
            then = self._saving.pop(event.node_id, None)
            if then is not None:
                then(event.error)
            return
        rememberer = self._asking.pop(event.node_id, None)
        if rememberer is not None:
            rememberer.memo_answered(event)

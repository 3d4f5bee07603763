"""Histories of workflows: what happened to a run and what it decided, gone through again by the engine of today.

One JSON object a line: `{"run": <the stored workflow>}` where a run was made, then `{"at", "event", "actions"}` for each event.

Source: threats-and-faults 3.3 (replay of recorded histories).
"""

from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Union

import msgspec

from tiphys.engine.events import Event
from tiphys.engine.run import Run
from tiphys.errors import SpecError
from tiphys.model.base import UNREADABLE, Json
from tiphys.model.parse import parse_workflow, read_any_string
from tiphys.model.workflow import Workflow


class Moment(msgspec.Struct, frozen=True):
    """One event of a history, as it is gone through again.

    Attributes:
        number: Of the event, from 1.
        differs: What is decided otherwise today: action before and now; empty when nothing is.
    """

    number: int
    at: datetime
    event: Event
    differs: str
    workflow: Workflow


class _Line(msgspec.Struct, frozen=True):
    at: datetime | None = None
    event: msgspec.Raw = msgspec.Raw(b"")
    actions: list[Json] = []
    run: Json | None = None


def _leaves(kind: type[Event]) -> Iterator[type[Event]]:
    below: type[Event]
    for below in kind.__subclasses__():
        yield from (_leaves(below) if below.__subclasses__() else (below,))


@cache
def _decoder() -> Any:
    kinds: Any = Union[tuple(_leaves(Event))]  # noqa: UP007 made of a list
    return msgspec.json.Decoder(kinds, dec_hook=read_any_string)


def replay(path: Path, until: int = 0) -> Iterator[Moment]:
    """Each event of a recorded history, decided again.

    Args:
        path: The file.
        until: Stop after so many events; 0 for all.

    Raises:
        SpecError: It is no history.
    """
    run: Run | None = None
    number = 0
    for place, text in enumerate(path.read_bytes().splitlines(), 1):
        try:
            line = msgspec.json.decode(text, type=_Line)
            event = _decoder().decode(line.event) if line.run is None else None
        except UNREADABLE as e:
            raise SpecError(f"{path}:{place}: no line of a history: {e}") from e
        if line.run is not None:
            run = Run(parse_workflow(line.run))
            continue
        if run is None or event is None or line.at is None:
            raise SpecError(f"{path}:{place}: an event without a run")
        number += 1
        made = msgspec.json.decode(msgspec.json.encode(run.handle(event, line.at), enc_hook=dict))
        run.take_patch()
        yield Moment(number, line.at, event, _difference(line.actions, made), run.snapshot())
        if number == until:
            return


def _difference(before: list[Json], now: list[Json]) -> str:
    for index in range(max(len(before), len(now))):
        old = before[index] if index < len(before) else None
        new = now[index] if index < len(now) else None
        if _bare(old) != _bare(new):
            return f"{_shown(old)} became {_shown(new)}"
    return ""


def _bare(value: Any) -> Any:
    """The value without what is empty in it: absent and empty are the same to the model, however they are written."""
    if isinstance(value, dict):
        return {key: bare for key, part in value.items() if (bare := _bare(part)) not in ({}, [], None)}
    return [_bare(part) for part in value] if isinstance(value, list) else value


def _shown(action: Json | None) -> str:
    return "nothing" if action is None else msgspec.json.encode(action).decode()[:400]

"""What happens to each workflow is written down, so that it can be gone through again (`testing.history` reads it)."""

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from tiphys.engine.actions import Action
from tiphys.engine.events import Event
from tiphys.engine.run import Run
from tiphys.model.workflow import Workflow

_UNSAFE = re.compile(r"[^A-Za-z0-9.-]")


def _plain(value: Any) -> object:
    # settings have kinds of text of their own; libraries of stored templates are layered maps
    return str(value) if isinstance(value, str) else dict(value)


def _encode(value: object) -> bytes:
    return msgspec.json.encode(value, enc_hook=_plain)


class Recorder:
    """Writes one file for each workflow: `<namespace>_<name>_<uid>.jsonl` in a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._runs: dict[str, Run] = {}

    def record(self, workflow: Workflow, run: Run, event: Event, at: datetime, actions: list[Action]) -> None:
        """One event and what the run decided; the stored workflow goes before the first event of a run.

        Args:
            workflow: As it was stored when the run was made.
            run: Who decided.
            event: What happened.
            at: When.
            actions: What was decided.
        """
        meta = workflow.metadata
        lines = []
        if self._runs.get(meta.uid) is not run:
            self._runs[meta.uid] = run
            lines.append(_encode({"run": workflow}))
        lines.append(_encode({"at": at, "event": event, "actions": actions}))
        name = _UNSAFE.sub("", f"{meta.namespace}_{meta.name}_{meta.uid}".replace("_", "."))
        with (self._folder / f"{name}.jsonl").open("ab") as file:
            file.write(b"\n".join(lines) + b"\n")

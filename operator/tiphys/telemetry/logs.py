"""How log lines look: one line of `key=value`, or JSON. Lines about a request carry its number."""

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from prometheus_client import Counter

REQUEST: ContextVar[str] = ContextVar("request", default="")
"""The number of the request that is being answered; empty outside of one."""


def _more(record: logging.LogRecord) -> dict[str, Any]:
    """What a line says besides its text: the `fields` given as `extra`, and the request's number."""
    number = REQUEST.get()
    return {**getattr(record, "fields", {}), **({"request": number} if number else {})}


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        line = f"time={at} level={record.levelname.lower()} logger={record.name} msg={json.dumps(record.getMessage())}"
        line += "".join(f" {name}={json.dumps(value)}" for name, value in _more(record).items())
        return line + (f" error={json.dumps(self.formatException(record.exc_info))}" if record.exc_info else "")


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat()
        entry = {"time": at, "level": record.levelname.lower(), "logger": record.name, "msg": record.getMessage()}
        entry.update(_more(record))
        if record.exc_info:
            entry["error"] = self.formatException(record.exc_info)
        return json.dumps(entry)


class _Counting(logging.Handler):
    def __init__(self, counter: Counter) -> None:
        super().__init__()
        self._counter = counter

    def emit(self, record: logging.LogRecord) -> None:
        level = record.levelname.lower()
        self._counter.labels("warn" if level == "warning" else level).inc()


def count_logs(counter: Counter) -> None:
    """Count lines by level, as Argo names levels."""
    logging.getLogger().addHandler(_Counting(counter))


def set_up_logs(level: str, form: str = "text") -> None:
    """Send log lines of at least `level` to standard error, as `text` or `json`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if form == "json" else _Text())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("kopf").setLevel(logging.WARNING)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)

"""Spans of time as people read them."""

from datetime import datetime, timedelta


def spell(span: timedelta) -> str:
    """A duration as `1m2s`; the two largest units."""
    left = max(0, int(span.total_seconds()))
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts[:2]) or "0s"


def duration(started: datetime | None, finished: datetime | None, now: datetime) -> str:
    """How long something took, or has taken; empty when it has not begun."""
    return "" if started is None else spell((finished or now) - started)

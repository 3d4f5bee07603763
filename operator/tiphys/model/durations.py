"""Durations as users write them: plain seconds or Go's `1h30m`; and as messages show them.

Source: argo-semantics 11.3, 18.3.
"""

import re
from datetime import timedelta

from tiphys.errors import SpecError

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h|d)")
_LONGEST = 10 * 365 * 86400.0


def parse_duration(text: str) -> timedelta:
    """The duration that `text` says: an integer of seconds, or parts like `1h30m`, `90s`, `1.5m`.

    Raises:
        SpecError: It says none, or one over ten years.
    """
    text = text.strip()
    if re.fullmatch(r"\d{1,12}", text):
        return _bounded(float(text), text)
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text.lstrip("+"):
        raise SpecError(f"not a duration: {text!r}", hint="write seconds (90) or units (1h30m, 90s)")
    return _bounded(sum(float(number) * _UNITS[unit] for number, unit in parts), text)


def _bounded(seconds: float, text: str) -> timedelta:
    if seconds > _LONGEST:
        raise SpecError(f"duration {text!r} is longer than ten years")
    return timedelta(seconds=seconds)


def spell_duration(duration: timedelta) -> str:
    """`1 minute 30 seconds`, as back-off messages say it; below a second, `0 seconds`."""
    left = int(duration.total_seconds())
    words = []
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        count, left = divmod(left, size)
        if count:
            words.append(f"{count} {unit}" + ("s" if count != 1 else ""))
    return " ".join(words) or "0 seconds"

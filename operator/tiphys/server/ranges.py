"""Parts of files, as `Range` asks for them. Pure.

Source: RFC 9110, 14. One range of bytes is understood; whoever asks for several, or of another unit, gets the whole.
"""

import re
from typing import NamedTuple

_RANGE = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*")


class Span(NamedTuple):
    """Bytes from `start` up to, and without, `end`; none at all is a range that the file has not."""

    start: int
    end: int


def span_of(header: str, size: int) -> Span | None:
    """What a header asks of a file of `size` bytes; None for the whole."""
    found = _RANGE.fullmatch(header)
    if found is None:
        return None
    first, last = found.groups()
    if not first:
        return Span(max(0, size - int(last)), size) if last else None
    if last and int(last) < int(first):
        return None
    end = min(size, int(last) + 1) if last else size
    return Span(int(first), max(int(first), end))

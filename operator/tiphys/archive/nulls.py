"""JSON text as a database can hold it: the character that PostgreSQL's cannot is replaced as Argo replaces it. Pure.

Source: argo-semantics 25.3.
"""

import re

REPLACEMENT = "ARGO_POSTGRES_NULL_REPLACEMENT"
_ESCAPE = re.compile(r"\\(u0000|.)")
_OTHERS = re.compile(r"[^\x00-\x7f]")


def hide_nulls(text: str) -> str:
    r"""The JSON text with every escaped null character replaced; an escaped backslash before `u0000` is none."""
    if "\\u0000" not in text:
        return text
    return _ESCAPE.sub(lambda found: REPLACEMENT if found[1] == "u0000" else found[0], text)


def show_nulls(text: str) -> str:
    """The JSON text as it was before `hide_nulls`."""
    return text.replace(REPLACEMENT, "\\u0000")


def stored(summary: str, kind: str) -> str:
    """A summary as its column takes it."""
    if kind == "postgresql":
        return hide_nulls(summary)
    return plain(summary) if kind == "mysql" else summary


def plain(text: str) -> str:
    """The JSON text in ASCII alone, which a table of MySQL's has room for whatever the character set of its database is."""
    return text if text.isascii() else _OTHERS.sub(lambda found: _escaped(found[0]), text)


def _escaped(letter: str) -> str:
    units = letter.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))

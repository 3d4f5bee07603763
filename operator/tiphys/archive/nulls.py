"""The character that PostgreSQL's JSON cannot hold, replaced as Argo replaces it. Pure.

Source: argo-semantics 25.3.
"""

import re

REPLACEMENT = "ARGO_POSTGRES_NULL_REPLACEMENT"
_ESCAPE = re.compile(r"\\(u0000|.)")


def hide_nulls(text: str) -> str:
    r"""The JSON text with every escaped null character replaced; an escaped backslash before `u0000` is none."""
    if "\\u0000" not in text:
        return text
    return _ESCAPE.sub(lambda found: REPLACEMENT if found[1] == "u0000" else found[0], text)


def show_nulls(text: str) -> str:
    """The JSON text as it was before `hide_nulls`."""
    return text.replace(REPLACEMENT, "\\u0000")

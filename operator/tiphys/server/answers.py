"""Answers as Argo's gateway gives them: errors with gRPC codes, and objects cut to the fields that were asked for.

Source: rest-and-clients 1.2.
"""

import re
from collections.abc import Iterable
from typing import Any

import msgspec
from starlette.responses import Response

from tiphys import __version__
from tiphys.errors import (
    AlreadyExists,
    Conflict,
    ExpressionError,
    Forbidden,
    Gone,
    InvalidManifest,
    NotFound,
    RefusedError,
    SpecError,
    Throttled,
    TiphysError,
    Unauthorized,
    Unavailable,
)
from tiphys.model.base import Json

HEADERS = {"Grpc-Metadata-Argo-Version": f"v{__version__}", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
"""What a namespace or the name of an object looks like; nothing else goes into a path of the API server."""


class NotYet(TiphysError):  # noqa: N818 the protocol's own word
    """The server does not do this."""

    code = "not-implemented"


class Unsound(TiphysError):  # noqa: N818 it is no failure of ours
    """What was to be looked at has a fault; Argo's clients know that answer as an error without a code of its own."""

    code = "unsound"


_CODES: dict[type[TiphysError], tuple[int, int]] = {
    SpecError: (400, 3), ExpressionError: (400, 3), InvalidManifest: (400, 3), NotFound: (404, 5), AlreadyExists: (409, 6),
    Conflict: (409, 10), Forbidden: (403, 7), Throttled: (429, 8), Gone: (429, 8), Unavailable: (503, 14),
    Unauthorized: (401, 16), NotYet: (501, 12), RefusedError: (500, 2), Unsound: (500, 2),
}  # fmt: skip


def codes_of(error: TiphysError) -> tuple[int, int]:
    """HTTP status and gRPC code of an error."""
    return next((codes for kind, codes in _CODES.items() if isinstance(error, kind)), (500, 13))


def failure(error: TiphysError) -> Response:
    """An error as Argo says it."""
    status, code = codes_of(error)
    return answer({"code": code, "message": error.message}, status)


def answer(content: Any, status: int = 200) -> Response:
    """JSON, with the version of who answers (but never to who is not known)."""
    headers = {} if status == 401 else HEADERS
    return Response(msgspec.json.encode(content), status, headers, "application/json")


def as_response(made: Any) -> Response:
    """What a handler has made, as an answer."""
    return made if isinstance(made, Response) else answer(made)


def checked_name(text: str, what: str) -> str:
    """A name that may stand in a path.

    Raises:
        SpecError: It is none.
    """
    if len(text) > 253 or not NAME.fullmatch(text):
        raise SpecError(f"{text!r} is no name of a {what}")
    return text


_REMEMBERED = 256


class _Level(msgspec.Struct):
    """What is known of the keys of objects at a path: whether they are kept, or what is known below them.

    Attributes:
        prefix: The path, with a dot at its end.
    """

    prefix: str
    keys: "dict[str, bool | _Level]" = {}


class Fields:
    """The query value `fields`: comma-separated paths to keep, or with a leading `-` to leave out.

    Attributes:
        text: It.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._levels: dict[str, _Level] = {}
        self._is_exclusion = text.startswith("-")
        self._paths = tuple(path for path in text.removeprefix("-").split(",") if path)

    @property
    def is_all(self) -> bool:
        """Whether nothing is left out."""
        return not self._paths

    @property
    def kept(self) -> tuple[str, ...]:
        """The paths to keep; none where nothing is left out, or it is said what to leave out."""
        return () if self._is_exclusion else self._paths

    def names(self, path: str) -> bool:
        """Whether a path, or something below it, is to be kept by name."""
        return any(one == path or one.startswith(f"{path}.") for one in self.kept)

    def keeps(self, path: str) -> bool:
        """Whether anything of a path is wanted."""
        return self.is_all or self._is_kept(path)

    def cut(self, value: Any, prefix: str = "") -> Any:
        """The value with what was asked for; `prefix` is the path of the value itself, with a dot at its end."""
        if not self._paths:
            return value
        return self._cut(value, self._levels.setdefault(prefix, _Level(prefix)))

    def _cut(self, value: Any, level: _Level) -> Any:
        if isinstance(value, list):
            return [self._cut(one, level) for one in value]
        if not isinstance(value, dict):
            return value
        shown = {}
        for key, one in value.items():
            known = level.keys.get(key)
            if known is None:
                known = self._decided(level, key)
            if known is True:
                shown[key] = one
            elif known is not False:
                shown[key] = self._cut(one, known)
        return shown

    def _decided(self, level: _Level, key: str) -> bool | _Level:
        path = level.prefix + key
        found: bool | _Level = self._is_kept(path)
        if found and self._is_split(path):
            found = _Level(f"{path}.")
        # names of nodes are keys, too, and others in each workflow
        if len(level.keys) < _REMEMBERED:
            level.keys[key] = found
        return found

    def _is_split(self, path: str) -> bool:
        """Whether only a part below is meant."""
        return any(one.startswith(f"{path}.") for one in self._paths) and path not in self._paths

    def _is_kept(self, path: str) -> bool:
        below = any(path == one or path.startswith(f"{one}.") for one in self._paths)
        return not below if self._is_exclusion else below or self._is_split(path)


def listing(items: Iterable[Json], kind: str, *, version: str = "", more: str = "") -> Json:
    """A list; an empty one has null for items."""
    meta = {"resourceVersion": version, **({"continue": more} if more else {})}
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": meta, "items": list(items) or None}

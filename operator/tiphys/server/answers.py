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


class _Branch:
    """Names that follow a path, and whether the path is one that was asked for."""

    __slots__ = ("below", "is_end")

    def __init__(self) -> None:
        self.below: dict[str, _Branch] = {}
        self.is_end = False

    def after(self, path: str) -> "_Branch | None":
        """Where a path leads from here, or ends on the way; None where nothing was asked for."""
        branch = self
        for name in path.split("."):
            found = branch.below.get(name)
            if found is None or found.is_end:
                return found
            branch = found
        return branch


class Fields:
    """The query value `fields`: comma-separated paths to keep, or with a leading `-` to leave out.

    However many there are, what is cut is looked at once.

    Attributes:
        text: It.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._is_exclusion = text.startswith("-")
        self._paths = frozenset(path for path in text.removeprefix("-").split(",") if path)
        self._root = _Branch()
        for path in self._paths:
            branch = self._root
            for name in path.split("."):
                branch = branch.below.setdefault(name, _Branch())
            branch.is_end = True

    @property
    def is_all(self) -> bool:
        """Whether nothing is left out."""
        return not self._paths

    @property
    def kept(self) -> frozenset[str]:
        """The paths to keep; none where nothing is left out, or it is said what to leave out."""
        return frozenset() if self._is_exclusion else self._paths

    def names(self, path: str) -> bool:
        """Whether a path, or something below it, is to be kept by name."""
        branch: _Branch | None = self._root
        for name in path.split("."):
            branch = branch and branch.below.get(name)
        return branch is not None and not self._is_exclusion

    def keeps(self, path: str) -> bool:
        """Whether anything of a path is wanted."""
        return self.is_all or self._is_kept(self._root.after(path))

    def cut(self, value: Any, prefix: str = "") -> Any:
        """The value with what was asked for; `prefix` is the path of the value itself, with a dot at its end."""
        if not self._paths:
            return value
        branch = self._root.after(prefix.removesuffix(".")) if prefix else self._root
        if branch is None or branch.is_end:
            return self._outside(value, is_wanted=self._is_kept(branch))
        return self._cut(value, branch)

    def _outside(self, value: Any, *, is_wanted: bool) -> Any:
        if is_wanted or not isinstance(value, dict | list):
            return value
        return {} if isinstance(value, dict) else [self._outside(one, is_wanted=False) for one in value]

    def _cut(self, value: Any, branch: _Branch) -> Any:
        if isinstance(value, list):
            return [self._cut(one, branch) for one in value]
        if not isinstance(value, dict):
            return value
        shown = {}
        for key, one in value.items():
            below = branch.after(key) if "." in key else branch.below.get(key)
            if below is None or below.is_end:
                if (below is None) is self._is_exclusion:
                    shown[key] = one
            else:
                shown[key] = self._cut(one, below)
        return shown

    def _is_kept(self, branch: _Branch | None) -> bool:
        """Whether something of what is found there is wanted."""
        if self._is_exclusion:
            return branch is None or not branch.is_end
        return branch is not None


def listing(items: Iterable[Json], kind: str, *, version: str = "", more: str = "") -> Json:
    """A list; an empty one has null for items."""
    meta = {"resourceVersion": version, **({"continue": more} if more else {})}
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": meta, "items": list(items) or None}

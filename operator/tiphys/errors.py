"""The error tree; nothing above an adapter decides by the text of a message.

TiphysError            code, message, hint, retry
  UserError            never     the workflow is wrong: shown on the node or the workflow
    SpecError          path names the field
    ExpressionError    source and position of the fault
  OutsideError         backoff   the world said no: requeued and counted, never fails a node
    Conflict, Throttled, Unavailable, Unauthorized, Gone
  RefusedError         never     the world will not change its mind: node Error with a hint
    Forbidden, InvalidManifest, NotFound, AlreadyExists
  BugError             never     we are wrong: workflow Error with the node's story
    IllegalTransition
"""

from typing import ClassVar, Literal


class TiphysError(Exception):
    """The root: `code` is stable and kebab-case, `hint` says what to do."""

    code: ClassVar[str] = "tiphys"
    retry: ClassVar[Literal["never", "backoff"]] = "never"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UserError(TiphysError):
    """The workflow is wrong."""

    code = "user"


class SpecError(UserError):
    """A field of a manifest is wrong; `path` names it as users write it (`templates.main.steps[0][1]`)."""

    code = "spec"

    def __init__(self, message: str, *, path: str = "", hint: str = "") -> None:
        super().__init__(f"{path}: {message}" if path else message, hint=hint)
        self.path = path


class ExpressionError(UserError):
    """An expression does not compile or cannot be evaluated; `position` is a character offset, -1 unknown."""

    code = "expression"

    def __init__(self, message: str, *, source: str = "", position: int = -1) -> None:
        super().__init__(message)
        self.source = source
        self.position = position


class OutsideError(TiphysError):
    """The world said no for now; try again after a back-off, of `retry_after` seconds at least."""

    code = "outside"
    retry = "backoff"

    def __init__(self, message: str, *, hint: str = "", retry_after: float = 0.0) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class Conflict(OutsideError):  # noqa: N818 the field's own word
    """The object changed since it was read."""

    code = "conflict"


class Throttled(OutsideError):  # noqa: N818
    """Too many requests."""

    code = "throttled"


class Unavailable(OutsideError):  # noqa: N818
    """No answer, or a server error."""

    code = "unavailable"


class Unauthorized(OutsideError):  # noqa: N818
    """The server does not know us: a token has run out and its next one is not there yet, or it never was good."""

    code = "unauthorized"


class Gone(OutsideError):  # noqa: N818
    """The watch's position is too old: list again."""

    code = "gone"


class RefusedError(TiphysError):
    """The world will not change its mind."""

    code = "refused"


class Forbidden(RefusedError):  # noqa: N818
    """A right is missing."""

    code = "forbidden"


class InvalidManifest(RefusedError):  # noqa: N818
    """The API server does not accept the object."""

    code = "invalid-manifest"


class NotFound(RefusedError):  # noqa: N818
    """No such object."""

    code = "not-found"


class AlreadyExists(RefusedError):  # noqa: N818
    """The name is taken."""

    code = "already-exists"


class BugError(TiphysError):
    """We are wrong."""

    code = "bug"


class IllegalTransition(BugError):  # noqa: N818
    """A phase change outside the table; nothing was changed."""

    code = "illegal-transition"

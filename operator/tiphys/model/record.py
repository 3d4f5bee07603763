"""The record that the shim leaves: in the termination message, or framed at the end of the log when it is long.

Source: shim/README.md.
"""

import msgspec

from tiphys.errors import OutsideError
from tiphys.model.base import UNREADABLE
from tiphys.model.names import fnv1a64

MARK = "\x1e"
_HEAD = b"\x1etiphys-record\n"
_LINE = 12_000


class DamagedRecord(OutsideError):  # noqa: N818 what it is
    """A framed record is not what its message promises; the log may not be complete yet, so another look may help."""

    code = "damaged-record"


class Record(msgspec.Struct, frozen=True, rename={"exit_code": "exit", "too_big": "tooBig", "version": "v", "is_held": "held"}):
    """What a command left.

    Attributes:
        exit_code: Of the command.
        result: Its standard output; None when that was not wanted.
        parameters: Name -> value.
        missing: Parameters with neither file nor default.
        too_big: Parameters whose file is larger than 256 KiB.
        is_held: The command ended by itself, before it was told to.
    """

    version: int
    exit_code: int
    result: str | None = None
    parameters: dict[str, str] = {}
    missing: tuple[str, ...] = ()
    too_big: tuple[str, ...] = ()
    is_held: bool = False


class Framed(msgspec.Struct, frozen=True, rename={"version": "v", "size": "framed"}):
    """Says that the record is in the log.

    Attributes:
        size: Bytes of the record.
        digest: Its FNV-1a hash, 64 bits, as 16 hexadecimal digits.
    """

    version: int
    size: int
    digest: str

    @property
    def tail_bytes(self) -> int:
        """How much of the log's end holds the whole frame."""
        return self.size + 2 * (self.size // _LINE + 1) + len(_HEAD) + 1


def parse_message(text: str) -> Record | Framed | None:
    """What a termination message says; None when no shim wrote it."""
    if not text.startswith('{"v":1,'):
        return None
    try:
        return msgspec.json.decode(text, type=Framed)
    except (msgspec.DecodeError, UnicodeEncodeError):
        pass
    try:
        return msgspec.json.decode(text, type=Record)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return None


def frame(content: bytes) -> tuple[bytes, bytes]:
    """A record that is too long for a termination message: the message that says so, and the lines for the end of the log."""
    message = b'{"v":1,"framed":%d,"digest":"%016x"}' % (len(content), fnv1a64(content))
    parts = [content[place : place + _LINE] for place in range(0, len(content), _LINE)]
    return message, b"\n" + _HEAD + b"".join(b"\x1e" + part + b"\n" for part in parts)


def parse_frame(tail: bytes, framed: Framed) -> Record:
    """The record at the end of a log.

    Raises:
        DamagedRecord: It is not there whole.
    """
    start = tail.rfind(_HEAD)
    lines = tail[start + len(_HEAD) :].split(b"\n") if start >= 0 else []
    content = b"".join(line[1:] for line in lines if line.startswith(b"\x1e"))
    if len(content) != framed.size or f"{fnv1a64(content):016x}" != framed.digest:
        raise DamagedRecord(f"the record in the log is damaged: {len(content)} of {framed.size} bytes")
    try:
        return msgspec.json.decode(content, type=Record)
    except UNREADABLE as e:
        raise DamagedRecord(f"the record in the log is damaged: {e}") from e


def strip_frame(log: bytes) -> bytes:
    """The log as the command wrote it."""
    start = log.rfind(b"\n" + _HEAD)
    if start < 0:
        return log.removesuffix(_HEAD)
    return log[:start]

"""What lists show of a workflow, small enough to be kept for all of them: no nodes, and a specification only when it is short.

Differs from Argo: `metadata.managedFields` is not among what a list with `fields` shows of the metadata, unless it is named.
"""

import zlib
from typing import Any, Literal

import msgspec

from tiphys.server.answers import Fields
from tiphys.server.seen import Meta, Order, Seen

Reach = Literal["summary", "spec", "body"]
"""How much of a workflow it takes to show what is wanted of it."""
_DEFLATED_ABOVE = 512
_LONGEST = 2048
_UNSET: Any = msgspec.UNSET


class _Status(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    phase: Any = _UNSET
    started_at: Any = _UNSET
    finished_at: Any = _UNSET
    estimated_duration: Any = _UNSET
    progress: Any = _UNSET
    message: Any = _UNSET
    resources_duration: Any = _UNSET
    conditions: Any = _UNSET


class _Spec(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    suspend: Any = _UNSET
    shutdown: Any = _UNSET
    priority: Any = _UNSET


class _Object(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    api_version: Any = _UNSET
    kind: Any = _UNSET
    metadata: dict[str, Any] = {}
    spec: Any = _UNSET
    status: _Status | None = None


class _Named(msgspec.Struct, frozen=True):
    metadata: Meta = Meta()


class _Read(_Object, frozen=True, rename="camel"):
    spec: msgspec.Raw = msgspec.Raw(b"{}")


_OBJECTS = msgspec.json.Decoder(_Read)
_KEPT = {"status": frozenset(_Status.__struct_encode_fields__), "spec": frozenset(_Spec.__struct_encode_fields__)}


class Packed(msgspec.Struct, frozen=True):
    """A text, deflated where that is worth it."""

    content: bytes
    is_deflated: bool = False

    @classmethod
    def of(cls, text: bytes) -> "Packed | None":
        """It; None when it is too long to be kept."""
        if len(text) <= _DEFLATED_ABOVE:
            return cls(text)
        content = zlib.compress(text, 1)
        return cls(content, is_deflated=True) if len(content) <= _LONGEST else None

    def text(self) -> bytes:
        """The text."""
        return zlib.decompress(self.content) if self.is_deflated else self.content


class Summary(msgspec.Struct, frozen=True):
    """A workflow in short.

    Attributes:
        seen: What it is chosen and sorted by.
        order: Where it stands in a list.
        content: Its metadata and the short parts of its status and specification, as JSON; None where they are long.
        spec: Its specification, as JSON; None where it is long.
    """

    seen: Seen
    order: Order
    content: Packed | None
    spec: Packed | None

    def has(self, reach: Reach) -> bool:
        """Whether it is enough."""
        return self.content is not None and (reach == "summary" or (reach == "spec" and self.spec is not None))

    def text(self, fields: Fields, reach: Reach) -> bytes:
        """What is wanted of it, as JSON; it must be enough for that."""
        document = msgspec.json.decode(self.content.text() if self.content else b"{}")
        if reach == "spec" and self.spec is not None:
            document["spec"] = msgspec.Raw(self.spec.text())
            if "items.spec" not in fields.kept:
                document["spec"] = msgspec.json.decode(document["spec"])
        return msgspec.json.encode(fields.cut(document, "items."))


def summary_of(raw: bytes | msgspec.Raw) -> Summary:
    """A workflow in short; of one that cannot be read, that there is one.

    Raises:
        msgspec.DecodeError: It is no object with metadata.
    """
    try:
        seen, read = msgspec.json.decode(raw, type=Seen), _OBJECTS.decode(raw)
    except msgspec.DecodeError:
        seen = Seen(msgspec.json.decode(raw, type=_Named).metadata)
        return Summary(seen, seen.order, None, None)
    meta = {key: value for key, value in read.metadata.items() if key != "managedFields"}
    try:
        short = msgspec.json.decode(read.spec, type=_Spec)
    except msgspec.DecodeError:
        short = _Spec()
    shown = _Object(read.api_version, read.kind, meta, short, read.status)
    return Summary(seen, seen.order, Packed.of(msgspec.json.encode(shown)), Packed.of(bytes(read.spec)))


def reach_of(fields: Fields) -> Reach:
    """How much it takes to show what is wanted."""
    found: Reach = "summary"
    if not fields.kept:
        return "body"
    for path in fields.kept:
        first, _, rest = path.partition(".")
        if first != "items":
            continue
        part, _, below = rest.partition(".")
        name = below.partition(".")[0]
        if part in ("apiVersion", "kind") or name in _KEPT.get(part, ()):
            continue
        if part == "metadata" and name != "managedFields":
            continue
        if part != "spec":
            return "body"
        found = "spec"
    return found

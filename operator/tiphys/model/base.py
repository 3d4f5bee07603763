"""What all API types share: immutability, JSON names, any-strings, object metadata. Parsing rules only.

Absent and empty are the same here, as they are for Argo's own types: an empty text, list or map and a null are not printed.
Booleans are `None` when absent, so that "not said" and "no" stay apart where that matters.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

Json = dict[str, Any]
"""A JSON object whose shape pods (or users) own."""

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError)
"""What is raised for bytes that are no JSON, or none of a type: of those that are no UTF-8 Python tells, not msgspec."""

_JSON_NAMES = {
    "artifact_gc": "artifactGC",
    "artifact_gc_status": "artifactGCStatus",
    "boundary_id": "boundaryID",
    "client_id_secret": "clientIDSecret",
    "from_": "from",
    "insecure_skip_tls": "insecureSkipTLS",
    "krb_ccache_secret": "krbCCacheSecret",
    "pod_gc": "podGC",
    "pod_ip": "podIP",
    "repo_url": "repoURL",
    "restarting_pod_uid": "restartingPodUID",
    "role_arn": "roleARN",
    "token_url_secret": "tokenURLSecret",
    "use_sdk_creds": "useSDKCreds",
    "volume_claim_gc": "volumeClaimGC",
}


def json_name(field: str) -> str:
    """The JSON name of a field."""
    if field in _JSON_NAMES:
        return _JSON_NAMES[field]
    first, *rest = field.split("_")
    return first + "".join(part.capitalize() for part in rest)


def part_of(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object within an object; empty where something else stands."""
    found = document.get(name)
    return found if isinstance(found, Mapping) else {}


class Model(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, rename=json_name):
    """The root of all API types: immutable; absent fields hold their defaults."""


if TYPE_CHECKING:
    AnyString = str
else:

    class _IsText(type):
        def __instancecheck__(cls, value: object) -> bool:
            return type(value) is str

    class AnyString(metaclass=_IsText):
        """Text that may be written as a number or a boolean; always a plain `str` once parsed."""


def any_text(value: object) -> str:
    """The text of an any-string: numbers in plain decimal without exponent, booleans `true`/`false`, other kinds empty.

    Source: argo-semantics 9.6.
    """
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            text = format(Decimal(repr(value)), "f")
            return text.rstrip("0").rstrip(".") if "." in text else text
        case _:
            return ""


class Numeral(float):
    """A number of JSON text that is shown as it was written (`1.0`, `1e-05`)."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> "Numeral":
        """The number that the text means."""
        made = super().__new__(cls, text)
        made.text = text
        return made


_EXPONENT = re.compile("e([-+])0(?=[0-9])")


def number_text(value: float) -> str:
    """The number as JSON has it: as it was written, where that is known, else as Go writes it."""
    if isinstance(value, Numeral):
        return value.text
    if value == 0 or 1e-6 <= abs(value) < 1e21:
        return any_text(value)
    return _EXPONENT.sub(r"e\1", repr(value))


class KeySelector(Model, frozen=True):
    """A key of a Secret or ConfigMap of the same namespace."""

    name: str = ""
    key: str = ""
    optional: bool | None = None


class OwnerReference(Model, frozen=True):
    """Who owns an object; an owner is the same one only if the uid is."""

    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None
    block_owner_deletion: bool | None = None


class ObjectMeta(Model, frozen=True):
    """The metadata of an object, as far as we read or write it."""

    name: str = ""
    generate_name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int | None = None
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: tuple[OwnerReference, ...] = ()
    finalizers: tuple[str, ...] = ()


def without_nulls(value: object) -> object:
    """The same JSON value where every key that holds null is left out; a null means absent in Argo's types."""
    if isinstance(value, Mapping):
        return {key: without_nulls(part) for key, part in value.items() if part is not None}
    if isinstance(value, list):
        return [without_nulls(part) for part in value]
    return value

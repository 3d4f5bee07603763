"""The door: JSON or YAML-born objects become types, with an error that names the path; types become JSON again.

Raises `SpecError` (code `spec`) for what cannot be read; nothing else escapes.
"""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import TypeVar, cast

import msgspec

from tiphys.errors import SpecError
from tiphys.model.base import UNREADABLE, AnyString, Json, any_text, without_nulls
from tiphys.model.workflow import Workflow

T = TypeVar("T", bound=msgspec.Struct)
_AT = re.compile(r" - at `\$\.?(.*)`$")


def read_any_string(expected: type, value: object) -> object:
    """For decoders: what stands where a type wants an any-string."""
    if expected is AnyString:
        return any_text(value)
    raise NotImplementedError(expected)


def parse_as(kind: type[T], source: bytes | str | Mapping[str, object]) -> T:
    """The object of type `kind` that JSON text or a decoded JSON object describes.

    Raises:
        SpecError: The text is no JSON, or a field has the wrong type; `path` names it.
    """
    try:
        if isinstance(source, bytes | str):
            return msgspec.json.decode(source, type=kind, dec_hook=read_any_string)
        return msgspec.convert(source, kind, dec_hook=read_any_string)
    except msgspec.ValidationError:
        return _parse_without_nulls(kind, source)
    except UNREADABLE as e:
        raise SpecError(f"not valid JSON: {e}") from e


def _parse_without_nulls(kind: type[T], source: bytes | str | Mapping[str, object]) -> T:
    try:
        value = msgspec.json.decode(source) if isinstance(source, bytes | str) else source
        return msgspec.convert(without_nulls(value), kind, dec_hook=read_any_string, strict=False)
    except (*UNREADABLE, RecursionError) as e:
        raise _as_spec_error(e) from e


def _as_spec_error(error: Exception) -> SpecError:
    text = str(error)
    found = _AT.search(text)
    if found is None:
        return SpecError(text)
    return SpecError(text[: found.start()], path=found.group(1))


def parse_workflow(source: bytes | str | Mapping[str, object]) -> Workflow:
    """A Workflow from JSON text or a decoded object; see `parse_as`."""
    return parse_as(Workflow, source)


def to_json(value: msgspec.Struct) -> Json:
    """The object as plain JSON values: tuples are lists, absent fields are left out, times are RFC 3339 text."""
    return cast("Json", msgspec.json.decode(msgspec.json.encode(value)))


def to_manifest(workflow: Workflow) -> Json:
    """A workflow as the API server takes it: with its kind, which `to_json` leaves out as all that goes without saying."""
    return {"apiVersion": workflow.api_version, "kind": workflow.kind, **to_json(workflow)}


def nearest(word: str, known: "Mapping[str, object] | tuple[str, ...] | list[str] | set[str] | frozenset[str]") -> str:
    """`, did you mean 'x'?` for the known name closest to `word`; empty when none is close."""
    close = get_close_matches(word, list(known), n=1)
    return f", did you mean {close[0]!r}?" if close else ""

"""JSON schemas of the kinds, for editors: what each field may hold, said by the types that read it.

Unknown fields are refused where the type is ours; what pods own (containers, volumes) and object metadata is left open.
"""

from functools import cache
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tiphys.model.base import AnyString, Json, ObjectMeta
from tiphys.server.answers import answer
from tiphys.server.storage import TYPES

_OPEN = (ObjectMeta.__name__,)


def _hook(kind: type) -> Json:
    if kind is AnyString:
        return {"type": ["string", "number", "boolean"]}
    raise NotImplementedError(kind)


def _said(part: Any) -> Any:
    """A schema without null, which means the same as absent."""
    if isinstance(part, list):
        return [_said(one) for one in part]
    if not isinstance(part, dict):
        return part
    options = [one for one in part.get("anyOf", []) if one != {"type": "null"}]
    if len(options) == 1:
        return _said(options[0])
    if options:
        return {**part, "anyOf": _said(options)}
    return {name: _said(one) for name, one in part.items()}


@cache
def schema_of(kind: str) -> bytes:
    """The schema of a kind, as JSON.

    Raises:
        KeyError: There is no such kind.
    """
    (reference,), parts = msgspec.json.schema_components([TYPES[kind]], schema_hook=_hook, ref_template="#/$defs/{name}")
    for name, part in parts.items():
        for field in part.get("properties", {}).values():
            field.pop("default", None)
        parts[name] = _said(part)
        if name not in _OPEN and "properties" in part:
            parts[name]["additionalProperties"] = False
    top: dict[str, Any] = parts[TYPES[kind].__name__]
    fields = top["properties"]
    fields["kind"], fields["apiVersion"], fields["status"] = {"const": kind}, {"const": "argoproj.io/v1alpha1"}, {}
    top["required"] = ["kind", "metadata", "spec"]
    return msgspec.json.encode({"$schema": "https://json-schema.org/draft/2020-12/schema", **reference, "$defs": parts})


async def _read(request: Request) -> Response:
    kind = request.path_params["kind"]
    if kind not in TYPES:
        return answer({"code": 5, "message": f"there is no schema of {kind!r}; there are {', '.join(sorted(TYPES))}"}, 404)
    # nothing in it is anybody's secret, and it changes with the program only
    return Response(schema_of(kind), 200, {"Cache-Control": "max-age=300"}, "application/schema+json")


ROUTES = (Route("/schemas/{kind}.json", _read),)

"""The description of the API, made of its routes, their handlers' docstrings and the types that read bodies.

Source: OpenAPI 3.1.
"""

import inspect
import re
from collections.abc import Iterable
from functools import cache
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tiphys import __version__
from tiphys.model.base import Json
from tiphys.server import archived, beside, files, logs, objects, operating, submitting, syncing, workflows
from tiphys.server.routes import OPERATIONS, STREAMS, Handler

_LIST = ("listOptions.labelSelector", "listOptions.fieldSelector", "listOptions.resourceVersion")
_PAGE = (*_LIST, "listOptions.limit", "listOptions.continue")
_DELETE = tuple(
    f"deleteOptions.{name}"
    for name in ("gracePeriodSeconds", "propagationPolicy", "dryRun", "preconditions.uid", "preconditions.resourceVersion")
)
_LOG = tuple(
    f"logOptions.{name}"
    for name in ("container", "follow", "previous", "sinceSeconds", "sinceTime", "timestamps", "tailLines", "limitBytes")
)
_QUERIES: dict[Handler, tuple[str, ...]] = {
    workflows.list_: (*_PAGE, "fields", "nameFilter", "createdAfter", "finishedBefore"),
    workflows.read: ("uid", "fields", "getOptions.resourceVersion"),
    workflows.delete: ("force", *_DELETE),
    workflows.watch: (*_LIST, "fields"),
    logs.log: ("podName", *_LOG, "grep", "selector"),
    archived.list_: (*_PAGE, "fields", "namePrefix", "nameFilter", "namespace"),
    archived.read: ("namespace", "name", "fields"),
    archived.delete: ("namespace",),
    archived.label_keys: ("namespace",),
    archived.label_values: ("listOptions.labelSelector", "namespace"),
    beside.events: _LIST,
    syncing.read: ("type", "cmName"),
    syncing.delete: ("type", "cmName"),
}
_BODIES: dict[Handler, type] = {
    workflows.act: operating.Order, archived.retry: archived.ArchivedOrder, archived.resubmit: archived.ArchivedOrder,
    submitting.submit: submitting.Submission,
}  # fmt: skip
_BYTES = files.STREAMS
_PART = re.compile(r"\{(\w+)(:path)?\}")
_FAULT: Json = {
    "type": "object",
    "properties": {"code": {"type": "integer", "description": "A gRPC code."}, "message": {"type": "string"}},
}


def _queries(handler: Handler) -> tuple[str, ...]:
    own: Any = getattr(handler, "__self__", None)
    if isinstance(own, objects.Kind):
        name = handler.__name__
        return {"list_": (*_LIST, "namePattern"), "read": ("getOptions.resourceVersion",), "delete": _DELETE}.get(name, ())
    if isinstance(own, beside.Foreign):
        return {"list_": _LIST, "watch": _LIST, "delete": _DELETE}.get(handler.__name__, ())
    return _QUERIES.get(handler, ())


def _title(handler: Handler) -> str:
    return inspect.getdoc(handler) or ""


def _name(verb: str, path: str) -> str:
    """A name of the operation that nothing else has."""
    words = re.findall(r"\w+", path.removeprefix("/api/v1/"))
    return verb.lower() + "".join(word[:1].upper() + word[1:] for word in words)


def _answers(handler: Handler) -> Json:
    if handler in _BYTES:
        content: Json = {"application/octet-stream": {}}
    elif handler in STREAMS:
        content = {"application/json": {"schema": {"type": "object"}}, "text/event-stream": {}}
    else:
        content = {"application/json": {"schema": {"type": "object"}}}
    fault = {"description": "Why not.", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Fault"}}}}
    return {"200": {"description": "As asked.", "content": content}, "default": fault}


def _operation(verb: str, path: str, handler: Handler, bodies: dict[type, Json]) -> Json:
    text = _title(handler)
    said: Json = {
        "operationId": _name(verb, path), "summary": text.partition("\n")[0], "tags": [handler.__module__.rpartition(".")[2]],
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name, _ in _PART.findall(path)
        ],
        "responses": _answers(handler),
    }  # fmt: skip
    said["parameters"] += [{"name": name, "in": "query", "schema": {"type": "string"}} for name in _queries(handler)]
    if verb in ("POST", "PUT"):
        kind = "multipart/form-data" if handler.__name__ == "upload" else "application/json"
        schema = bodies.get(_BODIES[handler], {}) if handler in _BODIES else {"type": "object"}
        said["requestBody"] = {"content": {kind: {"schema": schema}}}
    return said


def describe(operations: Iterable[tuple[str, str, Handler]]) -> Json:
    """The description of operations; each `{verb}` is one for itself."""
    kinds = list(dict.fromkeys(_BODIES.values()))
    references, parts = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    bodies: dict[type, Json] = dict(zip(kinds, references, strict=True))
    paths: dict[str, Json] = {}
    for verb, path, handler in operations:
        for one in [path.replace("{verb}", word) for word in sorted(operating.VERBS)] if "{verb}" in path else [path]:
            shown = _PART.sub(r"{\1}", one)
            paths.setdefault(shown, {})[verb.lower()] = _operation(verb, one, handler, bodies)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tiphys", "version": __version__, "description": "Argo's REST API of workflows."},
        "paths": paths,
        "components": {
            "schemas": {"Fault": _FAULT, **parts},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"bearer": []}],
    }


@cache
def _encoded() -> bytes:
    return msgspec.json.encode(describe(OPERATIONS))


async def _read(_request: Request) -> Response:
    # nothing in it is anybody's secret, and it changes with the program only
    return Response(_encoded(), 200, {"Cache-Control": "max-age=300"}, "application/json")


ROUTES = (Route("/openapi.json", _read),)

"""Workflows: made, read, listed, followed, operated.

Source: rest-and-clients 1.1, ranks 1 and 2.
"""

import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.responses import Response

from tiphys.errors import SpecError, TiphysError
from tiphys.model.base import Json
from tiphys.server.accepting import check, is_dry, linting
from tiphys.server.answers import NotYet
from tiphys.server.call import Call
from tiphys.server.finding import Wanted, find, hydrated
from tiphys.server.labels import created_by
from tiphys.server.operating import VERBS, Order, operate
from tiphys.server.rights import require
from tiphys.server.rows import merged
from tiphys.server.streams import changes, opened
from tiphys.server.writing import written

Handler = Callable[[Call], Awaitable[Any]]


async def create(call: Call) -> Json:
    """Store a new workflow, when it is a good one; with `dryRun` only say what would be stored."""
    manifest = created_by(call.identity, call.sent("workflow"))
    await check(call, call.namespace, manifest)
    return await call.storage.create("Workflow", call.namespace, manifest, is_dry=is_dry(call))


async def lint(call: Call) -> Json:
    """The workflow back, when it is a good one."""
    manifest = call.sent("workflow")
    with linting():
        await check(call, call.namespace, manifest)
    return manifest


async def read(call: Call) -> Json:
    """One workflow, from the cluster or from the archive."""
    asked = Wanted(namespace=call.namespace, name=call.name, uid=call.query("uid"))
    found = await find(call.storage, call.kept, asked, call.read_options)
    return dict(call.fields().cut(found))


async def list_(call: Call) -> Response:
    """Workflows, live and archived; those that have not ended first, a page of them when `limit` says so."""
    fields = call.fields()
    listed = await merged(call.api, call.kept, call.choice(), fields, call.gate.cache)
    return await written(listed, fields, call.kept, call.api)


async def delete(call: Call) -> Json:
    """Delete a workflow."""
    is_forced = call.query("force") == "true"
    await call.storage.delete("Workflow", call.namespace, call.name, options=call.delete_options(), is_forced=is_forced)
    return {}


async def act(call: Call) -> Json:
    """Stop, suspend, retry and the like; an empty body is one without options."""
    try:
        asked = msgspec.convert(call.body, Order)
    except msgspec.ValidationError as e:
        raise SpecError(f"the body: {e}") from e
    if call.part("verb") not in VERBS:
        raise NotYet("Not Implemented")
    wanted = Wanted(namespace=call.namespace, name=call.name)
    return await operate(call.storage, call.kept, wanted, call.part("verb"), asked, call.identity)


async def watch(call: Call) -> Response:
    """Changes, as they come."""
    await require(call.api, "watch", "Workflow", call.namespace)
    fields = call.fields()

    async def whole(document: Json) -> Json:
        # one whose nodes cannot be had is told of all the same
        with contextlib.suppress(TiphysError):
            return await hydrated(call.kept, document)
        return document

    prepare = whole if fields.keeps("result.object.status.nodes") else None
    messages = changes(call.api, "Workflow", call.namespace, call.selection(), fields, prepare)
    return await opened(call.api, messages, call.accept)


_ALL = "/api/v1/workflows/{namespace}"
STREAMS: frozenset[Handler] = frozenset({watch})
HELD: frozenset[Handler] = frozenset({list_})
"""Who needs the caller's connection until all of the answer is written, and is no stream."""
ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("POST", _ALL, create),
    ("POST", _ALL + "/lint", lint),
    ("GET", _ALL, list_),
    ("GET", "/api/v1/workflows/", list_),
    ("GET", _ALL + "/{name}", read),
    ("DELETE", _ALL + "/{name}", delete),
    ("PUT", _ALL + "/{name}/{verb}", act),
    ("GET", "/api/v1/workflow-events/{namespace}", watch),
    ("GET", "/api/v1/workflow-events/", watch),
)

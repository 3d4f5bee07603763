"""Workflows: made, read, listed, followed, operated.

Source: rest-and-clients 1.1, ranks 1 and 2.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.responses import Response

from tiphys.engine.validate import check_workflow
from tiphys.errors import SpecError
from tiphys.model.base import Json
from tiphys.model.parse import parse_workflow
from tiphys.server.answers import NotYet, checked_name, listing
from tiphys.server.call import Call
from tiphys.server.operating import VERBS, Order, operate
from tiphys.server.rights import require
from tiphys.server.rules import check_rules
from tiphys.server.storage import order
from tiphys.server.streams import LogQuery, changes, log_lines, opened

Handler = Callable[[Call], Awaitable[Any]]


async def _check(call: Call, manifest: Json) -> None:
    """Let pass what can run, and may."""
    meta = manifest.get("metadata") or {}
    name = meta.get("name") or f"{meta.get('generateName', '')}x"
    workflow = parse_workflow({**manifest, "metadata": {**meta, "name": name}})
    check_workflow(workflow)
    await check_rules(call.gate.access, call.api, call.namespace, workflow)


async def create(call: Call) -> Json:
    """Store a new workflow, when it is a good one; with `dryRun` only say what would be stored."""
    manifest = call.sent("workflow")
    await _check(call, manifest)
    options = call.body.get("createOptions") or {}
    is_dry = bool(call.body.get("serverDryRun")) or "All" in (options.get("dryRun") or ())
    return await call.storage.create("Workflow", call.namespace, manifest, is_dry=is_dry)


async def lint(call: Call) -> Json:
    """The workflow back, when it is a good one."""
    manifest = call.sent("workflow")
    await _check(call, manifest)
    return manifest


async def read(call: Call) -> Json:
    """One workflow."""
    return dict(call.fields().cut(await call.storage.read("Workflow", call.namespace, call.name)))


async def list_(call: Call) -> Json:
    """Workflows that have not ended first, a page of them when `limit` says so; `continue` counts those before it."""
    query = call.selection()
    query.pop("resourceVersion", None)
    found, version = await call.storage.all("Workflow", call.namespace, query)
    limit, offset = _number(call, "limit"), _number(call, "continue")
    last = offset + limit if limit else len(found)
    more = str(last) if last < len(found) else ""
    page = order(found)[offset:last]
    return dict(call.fields().cut(listing(page, "WorkflowList", version=version, more=more)))


def _number(call: Call, name: str) -> int:
    text = call.query(f"listOptions.{name}") or "0"
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise SpecError(f"{text!r} is no count", path=f"listOptions.{name}")
    return int(text)


async def delete(call: Call) -> Json:
    """Delete a workflow."""
    await call.storage.delete("Workflow", call.namespace, call.name, is_forced=call.query("force") == "true")
    return {}


async def act(call: Call) -> Json:
    """Stop, suspend, retry and the like; an empty body is one without options."""
    try:
        asked = msgspec.convert(call.body, Order)
    except msgspec.ValidationError as e:
        raise SpecError(f"the body: {e}") from e
    if call.part("verb") not in VERBS:
        raise NotYet("Not Implemented")
    return await operate(call.storage, call.namespace, call.name, call.part("verb"), asked)


async def watch(call: Call) -> Response:
    """Changes, as they come."""
    await require(call.api, "watch", "Workflow", call.namespace)
    messages = changes(call.api, "Workflow", call.namespace, call.selection(), call.fields())
    return await opened(call.api, messages, call.accept)


async def log(call: Call) -> Response:
    """Lines, as they are printed."""
    await require(call.api, "get", "Workflow", call.namespace, call.name)
    pod = call.part("pod") or call.query("podName")
    asked = LogQuery(
        pod=checked_name(pod, "pod") if pod else "",
        container=call.query("logOptions.container") or "main",
        follow=call.query("logOptions.follow") == "true",
        grep=call.query("grep"),
    )
    for name in ("logOptions.tailLines", "logOptions.sinceSeconds", "logOptions.previous", "logOptions.timestamps", "selector"):
        if call.query(name) not in ("", "0", "false"):
            raise NotYet(f"{name} is not supported yet")
    return await opened(call.api, log_lines(call.storage, call.namespace, call.name, asked), call.accept)


_ALL = "/api/v1/workflows/{namespace}"
STREAMS: frozenset[Handler] = frozenset({watch, log})
ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("POST", _ALL, create),
    ("POST", _ALL + "/lint", lint),
    ("GET", _ALL, list_),
    ("GET", "/api/v1/workflows/", list_),
    ("GET", _ALL + "/{name}", read),
    ("DELETE", _ALL + "/{name}", delete),
    ("PUT", _ALL + "/{name}/{verb}", act),
    ("GET", _ALL + "/{name}/log", log),
    ("GET", _ALL + "/{name}/{pod}/log", log),
    ("GET", "/api/v1/workflow-events/{namespace}", watch),
    ("GET", "/api/v1/workflow-events/", watch),
)

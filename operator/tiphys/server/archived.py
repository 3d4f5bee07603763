"""Archived workflows: listed, read, forgotten, run again.

Source: rest-and-clients 1.1, rank 3; argo-semantics 25.3.
"""

import os
import re

import msgspec
import re2
from starlette.responses import Response

from tiphys.engine.operations.retry import fresh
from tiphys.errors import AlreadyExists, NotFound, SpecError
from tiphys.model.base import Json
from tiphys.model.packed import small_manifest
from tiphys.model.parse import parse_workflow
from tiphys.model.workflow import Workflow
from tiphys.server.call import Call
from tiphys.server.finding import Archived, find_archived
from tiphys.server.labels import created_by
from tiphys.server.operating import Order, again, remove_pods, retried
from tiphys.server.rights import require
from tiphys.server.rows import Listed, archived
from tiphys.server.writing import written


async def list_(call: Call) -> Response:
    """A page of the archive; an empty one where there is none."""
    fields, choice = call.fields(), call.choice()
    await require(call.api, "list", "Workflow", choice.namespace)
    archive = await call.kept.archive()
    listed = Listed((), "") if archive is None else await archived(archive, call.kept, choice, fields)
    return await written(listed, fields, call.kept, call.api)


async def _read(call: Call, *verbs: str, namespace: str = "", name: str = "") -> Json:
    wanted = Archived(uid=call.part("uid"), verbs=verbs, namespace=call.place(namespace), name=name)
    return await find_archived(call.api, call.kept, wanted)


async def read(call: Call) -> Json:
    """One."""
    return dict(call.fields().cut(await _read(call, "get", namespace=call.query("namespace"), name=call.query("name"))))


async def delete(call: Call) -> Json:
    """Forget one; a live workflow is not touched."""
    found = await _read(call, "delete", namespace=call.query("namespace"))
    archive = await call.kept.archive()
    if archive is not None:
        await archive.delete(found["metadata"]["uid"])
    return {}


class ArchivedOrder(Order, frozen=True, rename="camel"):
    """The body of an operation; the name and the uid in it say the same as the path."""

    namespace: str = ""


async def _ordered(call: Call) -> tuple[Workflow, ArchivedOrder]:
    try:
        order = msgspec.convert(call.body, ArchivedOrder)
    except msgspec.ValidationError as e:
        raise SpecError(f"the body: {e}") from e
    return parse_workflow(await _read(call, "get", "create", namespace=order.namespace)), order


async def retry(call: Call) -> Json:
    """Bring one back, and run it again where it failed.

    Raises:
        AlreadyExists: It is still there.
    """
    old, order = await _ordered(call)
    meta = old.metadata
    try:
        await call.storage.read("Workflow", meta.namespace, meta.name)
    except NotFound:
        made = retried(old, order)
    else:
        raise AlreadyExists(f"Workflow already exists on cluster, use argo retry {meta.name} instead")
    await remove_pods(call.api, meta.namespace, made.pods)
    return await call.storage.create("Workflow", meta.namespace, created_by(call.identity, small_manifest(fresh(made.workflow))))


async def resubmit(call: Call) -> Json:
    """Submit one again, as a new one."""
    old, order = await _ordered(call)
    new = small_manifest(again(old, order))
    return await call.storage.create("Workflow", old.metadata.namespace, created_by(call.identity, new))


async def label_keys(call: Call) -> Json:
    """The keys of labels."""
    await _require_list(call)
    return {"items": await _labels(call, "") or None}


async def label_values(call: Call) -> Json:
    """The values of the label whose key is the label selector; none where the administrator does not want them looked up.

    Raises:
        SpecError: The selector is no key.
    """
    await _require_list(call)
    key = call.query("listOptions.labelSelector").strip()
    if not key or not re.fullmatch(r"[A-Za-z0-9._/-]+", key):
        raise SpecError("the label selector must be one key of a label", path="listOptions.labelSelector")
    hidden = os.environ.get("DISABLE_VALUE_LIST_RETRIEVAL_KEY_PATTERN", "")
    is_hidden = bool(hidden) and re2.search(hidden, key) is not None
    return {"items": None if is_hidden else await _labels(call, key) or None}


async def _require_list(call: Call) -> None:
    await require(call.api, "list", "Workflow", call.place(call.query("namespace")))


async def _labels(call: Call, key: str) -> list[str]:
    archive = await call.kept.archive()
    return [] if archive is None else await archive.labels(key, namespace=call.place(call.query("namespace")))


_ONE = "/api/v1/archived-workflows/{uid}"
ROUTES = (
    ("GET", "/api/v1/archived-workflows", list_),
    ("GET", "/api/v1/archived-workflows-label-keys", label_keys),
    ("GET", "/api/v1/archived-workflows-label-values", label_values),
    ("GET", _ONE, read),
    ("DELETE", _ONE, delete),
    ("PUT", _ONE + "/retry", retry),
    ("PUT", _ONE + "/resubmit", resubmit),
)

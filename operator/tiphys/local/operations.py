"""What requests do to a store: the same for the tests' API server and for this machine's own objects.

Source: Kubernetes' API concepts.
"""

from collections.abc import Mapping

import msgspec

from tiphys.local.objects import Refusal, Store
from tiphys.local.paths import Target, shown
from tiphys.local.selectors import Matches, by_fields, by_labels
from tiphys.model.base import UNREADABLE, Json

MERGE_PATCH = "application/merge-patch+json"
_WITH_STATUS = frozenset({"workflowtasksets"})
"""Kinds whose status is a subresource."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request for one object, or for all of a kind.

    Attributes:
        verb: `get`, `create`, `patch`, `put`, `delete` or `deletecollection`.
        content_type: Of the body.
    """

    verb: str
    target: Target
    query: Mapping[str, str] = {}
    body: Json = {}
    content_type: str = ""
    accept: str = ""


def operate(store: Store, request: Request) -> Json:
    """Do what is asked; the answer.

    Raises:
        Refusal: It cannot be done.
    """
    place, body = request.target.place, request.body
    match request.verb:
        case "get":
            answer = store.read(place)
        case "create":
            is_dry = request.query.get("dryRun") == "All"
            answer = body if is_dry else _create(store, request.target, body)
        case "patch":
            if not request.content_type.endswith("merge-patch+json"):
                raise Refusal(415, "UnsupportedMediaType", f"the patch type {request.content_type} is not served here")
            answer = store.patch(place, _writable(request.target, body))
        case "put":
            kept = {"status": store.read(place).get("status")} if place.plural in _WITH_STATUS else {}
            answer = store.replace(place, {**_writable(request.target, body), **kept})
        case "deletecollection":
            for one in matching(request.query, store.find(*place[:3])):
                meta = one["metadata"]
                store.delete(place._replace(namespace=meta.get("namespace", ""), name=meta["name"]))
            return {"kind": "Status", "apiVersion": "v1", "status": "Success"}
        case _:
            uid = str((body.get("preconditions") or {}).get("uid") or "")
            answer = store.delete(place, uid=uid, grace_seconds=body.get("gracePeriodSeconds"))
    return shown(answer, request.target, request.accept)


def _create(store: Store, target: Target, body: Json) -> Json:
    if body.get("kind") != target.kind:
        raise Refusal(400, "BadRequest", f"{body.get('kind')!r} cannot be handled as a {target.kind}")
    if target.kind == "Pod":
        _check_pod(body)
        body = {**body, "status": {"phase": "Pending"}}
    return store.create(target.place, _writable(target, body))


def _writable(target: Target, body: Json) -> Json:
    """What of an object a request may write: where its kind has a status of its own, that or the rest.

    Raises:
        Refusal: 404, the kind has none.
    """
    has_own = target.place.plural in _WITH_STATUS
    if target.sub != "status":
        return {key: value for key, value in body.items() if key != "status"} if has_own else body
    if not has_own and target.place.group.startswith("apis/argoproj.io/"):
        raise Refusal(404, "NotFound", "the server could not find the requested resource")
    return {key: value for key, value in body.items() if key == "status"}


def _check_pod(body: Json) -> None:
    containers = (body.get("spec") or {}).get("containers")
    if not containers or not all(container.get("name") and container.get("image") for container in containers):
        raise Refusal(422, "Invalid", "Pod is invalid: spec.containers: Required value")


def listed(target: Target, objects: list[Json], accept: str, meta: Json) -> Json:
    """A list of objects as it is answered."""
    items = [shown(one, target, accept) for one in objects]
    return {"kind": f"{target.kind}List", "apiVersion": target.api_version, "metadata": meta, "items": items}


def matching(query: Mapping[str, str], objects: list[Json]) -> list[Json]:
    """Those of the objects that a query's selectors choose."""
    matches = selector_of(query)
    return [one for one in objects if matches(one)]


def selector_of(query: Mapping[str, str]) -> Matches:
    """What a query's selectors choose.

    Raises:
        Refusal: 400, they cannot be read.
    """
    try:
        labels, fields = by_labels(query.get("labelSelector", "")), by_fields(query.get("fieldSelector", ""))
    except ValueError as e:
        raise Refusal(400, "BadRequest", str(e)) from e
    return lambda one: labels(one) and fields(one)


def decode(content: bytes) -> Json:
    """The body of a request.

    Raises:
        Refusal: 400, it is no JSON object.
    """
    try:
        return msgspec.json.decode(content, type=dict) if content else {}
    except UNREADABLE as e:
        raise Refusal(400, "BadRequest", f"the object provided is unrecognized: {e}") from e

"""Events from outside given to the bindings of their namespace: before the answer, or by workers of a bounded queue.

Source: rest-and-clients 1.5; features 16 and "Server tuning flags".

Differs from Argo: one Event of Kubernetes counts how often the same went wrong with a binding.
"""

import hashlib
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec

from tiphys.cluster.api import Api, path_of
from tiphys.engine.binding import Event, is_wanted, submission
from tiphys.errors import AlreadyExists, Forbidden, OutsideError, TiphysError
from tiphys.model.base import Json
from tiphys.model.parse import parse_as, to_json
from tiphys.model.workflow import WorkflowEventBinding
from tiphys.server.answers import Unsound
from tiphys.server.call import Call
from tiphys.server.rules import check_event
from tiphys.server.storage import Storage

log = logging.getLogger(__name__)
_REASON = "WorkflowEventBindingError"


async def receive(call: Call) -> Json:
    """Submit what the namespace's bindings want of an event; one that is broken does not keep the others from it.

    Raises:
        Unsound: A binding is broken.
        Unavailable: Too many events wait.
    """
    event = Event.posted(call.namespace, call.part("discriminator"), call.body, call.headers)
    # by this the cluster knows who asks, also where the rest is done later
    found, _ = await call.storage.all("WorkflowEventBinding", call.namespace, {})
    dispatcher = call.kept.dispatcher
    own = Api(call.gate.access, pool=call.gate.pool)
    if dispatcher.said.is_later:
        dispatcher.take(partial(_later, Api(call.api.access, pool=call.gate.pool), own, event, found))
    else:
        async with own:
            await _dispatch(call.storage, own, event, found)
    return {}


async def _later(api: Api, own: Api, event: Event, bindings: Sequence[Json]) -> None:
    async with api, own:
        await _dispatch(Storage(api), own, event, bindings)


async def _dispatch(storage: Storage, own: Api, event: Event, bindings: Sequence[Json]) -> None:
    broken: list[str] = []
    for one in bindings:
        name = str(one["metadata"]["name"])
        try:
            binding = parse_as(WorkflowEventBinding, one)
            made = submission(binding, event) if is_wanted(binding, event) else None
            if made is not None:
                await check_event(own.access, event.namespace, made)
                await storage.create("Workflow", event.namespace, to_json(made))
        except (Forbidden, OutsideError):
            raise
        except TiphysError as e:
            log.warning("event binding %s/%s: %s", event.namespace, name, e.message)
            await _announce(own, one, f"failed to dispatch event: {e.message}")
            broken.append(f"{name}: {e.message}")
    if broken:
        raise Unsound("failed to dispatch event: " + "; ".join(broken))


async def _announce(api: Api, binding: Json, message: str) -> None:
    """Say at the binding what is wrong with it, with the server's own rights; the same again is counted."""
    meta: dict[str, Any] = binding["metadata"]
    now = datetime.now(UTC)  # noqa: TID251 of the wall's clock, as what other components tell
    namespace, stamp = str(meta["namespace"]), now.strftime("%Y-%m-%dT%H:%M:%SZ")
    name = f"{meta['name']}.{hashlib.sha256(message.encode()).hexdigest()[:16]}"
    regarding = {"apiVersion": "argoproj.io/v1alpha1", "kind": "WorkflowEventBinding", "namespace": namespace,
                 "name": meta["name"], "uid": meta.get("uid", "")}  # fmt: skip
    event: Json = {
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": name, "namespace": namespace}, "involvedObject": regarding,
        "type": "Warning", "reason": _REASON, "message": message[:1024], "source": {"component": "argo-server"},
        "firstTimestamp": stamp, "lastTimestamp": stamp, "count": 1,
    }  # fmt: skip
    try:
        try:
            await api.create("Event", namespace, event)
        except AlreadyExists:
            known = msgspec.json.decode(await api.call("GET", "Event", path_of("Event", namespace, name)))
            await api.patch("Event", namespace, name, {"count": int(known.get("count") or 1) + 1, "lastTimestamp": stamp})
    except TiphysError as e:
        log.info("event binding %s/%s cannot be told: %s", namespace, meta["name"], e.message)


ROUTES = (
    ("POST", "/api/v1/events/{namespace}/{discriminator}", receive),
    ("POST", "/api/v1/events/{namespace}/", receive),
)

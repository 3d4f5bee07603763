"""What is done to workflows: stopped, suspended, retried and the like, by the rules of the engine.

Source: argo-semantics 13, 14; rest-and-clients 1.4.
"""

import asyncio
import secrets
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from tiphys.archive.hydrating import repacked
from tiphys.cluster.api import Api
from tiphys.engine.operations import suspension
from tiphys.engine.operations.parameters import parse_pairs
from tiphys.engine.operations.resubmit import SUFFIX_LENGTH, SUFFIX_LETTERS, resubmit, resubmit_memoized
from tiphys.engine.operations.retry import Retried, retry
from tiphys.engine.patch import difference
from tiphys.errors import Conflict, SpecError, Unavailable
from tiphys.errors import NotFound as Missing
from tiphys.model.base import Json
from tiphys.model.packed import packing_of, small_manifest
from tiphys.model.parse import parse_workflow, to_json
from tiphys.model.workflow import Workflow
from tiphys.server.finding import Wanted, find, hydrated
from tiphys.server.kept import Kept
from tiphys.server.labels import acted_by, created_by
from tiphys.server.storage import Storage

Change = Callable[[Workflow], Workflow]
VERBS = frozenset({"suspend", "resume", "stop", "terminate", "set", "retry", "resubmit"})
_TRIES = 10
# longer than the time that a pod has to end in by itself
_POD_GONE_SECONDS = 45.0


def now() -> datetime:
    """The time of what a user does, in whole seconds as it is written."""
    return datetime.now(UTC).replace(microsecond=0)  # noqa: TID251 the user acts now


class Order(msgspec.Struct, frozen=True, rename="camel"):
    """What the body of an operation may say; an empty body says nothing."""

    node_field_selector: str = ""
    message: str = ""
    phase: str = ""
    output_parameters: str = ""
    restart_successful: bool = False
    memoized: bool = False
    parameters: tuple[str, ...] | None = None

    @property
    def given(self) -> dict[str, str]:
        """The parameters that replace the workflow's."""
        return parse_pairs(self.parameters or ())


def change_of(verb: str, order: Order) -> Change:
    """What an operation makes of a workflow."""
    selector = order.node_field_selector
    changes: dict[str, Change] = {
        "suspend": suspension.suspend,
        "resume": lambda old: suspension.resume(old, now(), selector=selector),
        "stop": lambda old: suspension.stop(old, now(), selector=selector, message=order.message),
        "terminate": lambda old: suspension.shut_down(old, "Terminate"),
        "set": lambda old: suspension.set_nodes(old, selector, _node_change(order), now()),
    }
    return changes[verb]


def _node_change(order: Order) -> suspension.NodeChange:
    if not order.node_field_selector:
        raise SpecError("a node field selector is needed", path="nodeFieldSelector")
    try:
        outputs = msgspec.json.decode(order.output_parameters or "{}", type=dict[str, str])
    except msgspec.DecodeError as e:
        raise SpecError(f"no JSON map of texts: {e}", path="outputParameters") from e
    return suspension.NodeChange(phase=order.phase, message=order.message, outputs=outputs)


async def operate(storage: Storage, kept: Kept, wanted: Wanted, verb: str, order: Order, identity: Json) -> Json:
    """The workflow after an operation, with its nodes; `identity` is what is known of who asks."""
    if verb == "resubmit":
        # one that is gone is resubmitted from the archive, as it is read from there
        old = parse_workflow(await find(storage, kept, wanted))
        new = small_manifest(again(old, order))
        return await hydrated(kept, await storage.create("Workflow", wanted.namespace, created_by(identity, new)))
    if verb == "retry":
        return await _retry(storage, kept, wanted, order, acted_by(identity, "Retry"))
    return await _edit(storage, kept, wanted, change_of(verb, order), acted_by(identity, verb.capitalize()))


async def _edit(storage: Storage, kept: Kept, wanted: Wanted, change: Change, labels: dict[str, str]) -> Json:
    for attempt in range(_TRIES):
        document = await storage.read("Workflow", wanted.namespace, wanted.name)
        stored = parse_workflow(document)
        old = parse_workflow(await hydrated(kept, document))
        new = change(old)
        patch = await _packed(kept, stored, new, difference(to_json(old), to_json(new)))
        meta = old.metadata
        try:
            if patch:
                patch["metadata"] = _with_labels(patch.get("metadata") or {}, labels)
                await storage.api.patch("Workflow", meta.namespace, meta.name, patch, resource_version=meta.resource_version)
        except Conflict:
            await asyncio.sleep(0.05 * attempt)
        else:
            return await hydrated(kept, await storage.read("Workflow", wanted.namespace, meta.name))
    raise Conflict(f"workflow {wanted.name} is changed by somebody else all the time")


def _with_labels(meta: Json, labels: dict[str, str]) -> Json:
    return {**meta, "labels": {**(meta.get("labels") or {}), **labels}} if labels else meta


async def _packed(kept: Kept, stored: Workflow, new: Workflow, patch: Json) -> Json:
    """The patch, with the nodes packed as they were."""
    storage = await kept.storage() if packing_of(stored).version else None
    return await repacked(stored, new, patch, storage.offload if storage is not None else None)


async def _retry(storage: Storage, kept: Kept, wanted: Wanted, order: Order, labels: dict[str, str]) -> Json:
    def change(old: Workflow) -> Workflow:
        return retried(old, order).workflow

    old = parse_workflow(await hydrated(kept, await storage.read("Workflow", wanted.namespace, wanted.name)))
    await remove_pods(storage.api, wanted.namespace, retried(old, order).pods)
    known = Wanted(namespace=wanted.namespace, name=old.metadata.name)
    return await _edit(storage, kept, known, change, labels)


def retried(old: Workflow, order: Order) -> Retried:
    """A workflow that runs again as an order says, and the pods that must go for it."""
    return retry(
        old, now(), restart_successful=order.restart_successful, selector=order.node_field_selector, parameters=order.given
    )


def again(old: Workflow, order: Order) -> Workflow:
    """A new workflow that does the same, as an order says."""
    if not order.memoized:
        return resubmit(old, order.given)
    suffix = "".join(secrets.choice(SUFFIX_LETTERS) for _ in range(SUFFIX_LENGTH))
    return resubmit_memoized(old, now(), suffix=suffix, parameters=order.given)


async def remove_pods(api: Api, namespace: str, pods: tuple[str, ...]) -> None:
    """Return when these pods are gone: a pod's name is its node's, so what runs again must not meet what has run.

    Raises:
        Unavailable: One does not go.
    """
    for pod in pods:
        await api.delete("Pod", namespace, pod)
    end = asyncio.get_running_loop().time() + _POD_GONE_SECONDS
    for pod in pods:
        while True:
            try:
                await api.read("Pod", namespace, pod)
            except Missing:
                break
            if asyncio.get_running_loop().time() > end:
                raise Unavailable(f"pod {pod} of the earlier run is still there; try again")
            await asyncio.sleep(0.2)

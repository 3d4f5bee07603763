"""What is done to workflows: stopped, suspended, retried and the like, by the rules of the engine.

Source: argo-semantics 13, 14; rest-and-clients 1.4.
"""

import asyncio
import secrets
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from tiphys.cluster.api import Api
from tiphys.engine.operations import resubmit as again
from tiphys.engine.operations import suspension
from tiphys.engine.operations.parameters import parse_pairs
from tiphys.engine.operations.retry import retry
from tiphys.engine.patch import difference
from tiphys.errors import Conflict, SpecError, Unavailable
from tiphys.errors import NotFound as Missing
from tiphys.model.base import Json
from tiphys.model.packed import packing_of
from tiphys.model.parse import parse_workflow, to_json
from tiphys.model.workflow import Workflow
from tiphys.server.answers import NotYet
from tiphys.server.storage import Storage

Change = Callable[[Workflow], Workflow]
VERBS = frozenset({"suspend", "resume", "stop", "terminate", "set", "retry", "resubmit"})
_TRIES = 10
_POD_GONE_SECONDS = 30.0


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


async def operate(storage: Storage, namespace: str, name: str, verb: str, order: Order) -> Json:
    """The workflow after an operation."""
    if verb == "retry":
        return await _retry(storage, namespace, name, order)
    if verb == "resubmit":
        return await _resubmit(storage, namespace, name, order)
    return await _edit(storage, namespace, name, change_of(verb, order))


def _whole(found: Json) -> Workflow:
    workflow = parse_workflow(found)
    if packing_of(workflow):
        raise NotYet("the nodes of this workflow are packed or offloaded: use `tiphys` beside the cluster for this operation")
    return workflow


async def _edit(storage: Storage, namespace: str, name: str, change: Change) -> Json:
    for attempt in range(_TRIES):
        old = _whole(await storage.read("Workflow", namespace, name))
        patch = difference(to_json(old), to_json(change(old)))
        meta = old.metadata
        try:
            if patch:
                await storage.api.patch("Workflow", meta.namespace, meta.name, patch, resource_version=meta.resource_version)
        except Conflict:
            await asyncio.sleep(0.05 * attempt)
        else:
            return await storage.read("Workflow", namespace, meta.name)
    raise Conflict(f"workflow {name} is changed by somebody else all the time")


async def _retry(storage: Storage, namespace: str, name: str, order: Order) -> Json:
    def change(old: Workflow) -> Workflow:
        return _retried(old, order)[0]

    old = _whole(await storage.read("Workflow", namespace, name))
    # a pod's name is its node's: what runs again must not meet what has run
    pods = _retried(old, order)[1]
    for pod in pods:
        await storage.api.delete("Pod", namespace, pod)
    await _until_gone(storage.api, namespace, pods)
    return await _edit(storage, namespace, old.metadata.name, change)


def _retried(old: Workflow, order: Order) -> tuple[Workflow, tuple[str, ...]]:
    made = retry(
        old, now(), restart_successful=order.restart_successful, selector=order.node_field_selector, parameters=order.given
    )
    return made.workflow, made.pods


async def _until_gone(api: Api, namespace: str, pods: tuple[str, ...]) -> None:
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


async def _resubmit(storage: Storage, namespace: str, name: str, order: Order) -> Json:
    old = _whole(await storage.read("Workflow", namespace, name))
    if not order.memoized:
        return await storage.create("Workflow", namespace, to_json(again.resubmit(old, order.given)))
    suffix = "".join(secrets.choice(again.SUFFIX_LETTERS) for _ in range(again.SUFFIX_LENGTH))
    new = again.resubmit_memoized(old, now(), suffix=suffix, parameters=order.given)
    return await storage.create("Workflow", namespace, to_json(new))

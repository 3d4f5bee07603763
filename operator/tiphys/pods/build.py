"""A node's order becomes a Pod: one container as the user wrote it, and nothing that the step does not need.

Source: argo-semantics 4.
Differs from Argo: no init container, no wait container, no service-account token, no image look-up, unless the step needs it.
"""

from collections.abc import Callable
from datetime import datetime

import msgspec

from tiphys.model.base import Json
from tiphys.model.order import NodeOrder
from tiphys.model.workflow import Workflow
from tiphys.pods.draft import Draft, filled, owner_of
from tiphys.pods.passes.account import account, restrict
from tiphys.pods.passes.companions import companions
from tiphys.pods.passes.container_set import container_set
from tiphys.pods.passes.data import data_container
from tiphys.pods.passes.deadline import deadline
from tiphys.pods.passes.environment import environment
from tiphys.pods.passes.identify import identify
from tiphys.pods.passes.main import main_container
from tiphys.pods.passes.patch import pod_spec_patch
from tiphys.pods.passes.progress import progress
from tiphys.pods.passes.resource import resource_container
from tiphys.pods.passes.schedule import schedule
from tiphys.pods.passes.script import script_source
from tiphys.pods.passes.shim import hold_sidecars, wrap_in_shim
from tiphys.pods.passes.staging import drop_absent, executors, input_mounts
from tiphys.pods.passes.volumes import check_volumes, volumes
from tiphys.pods.settings import PodSettings


class PodPlan(msgspec.Struct, frozen=True):
    """What to create for a node.

    Attributes:
        pod: The Pod.
        config_maps: What it needs besides, owned by the workflow; to be created first.
        needs_shim: The namespace must hold the shim.
        warnings: What users should be told of, once.
    """

    pod: Json
    config_maps: tuple[Json, ...] = ()
    needs_shim: bool = False
    warnings: tuple[str, ...] = ()


def build(order: NodeOrder, workflow: Workflow, settings: PodSettings, now: datetime) -> PodPlan:
    """The Pod of a node, ready to create.

    Args:
        order: What to run; substituted.
        workflow: Whose spec is substituted too.
        settings: What all pods share.
        now: For what is left of deadlines.

    Raises:
        SpecError: The template asks for what cannot be built; `path` names it.
    """
    if order.spec is not None:
        workflow = msgspec.structs.replace(workflow, spec=order.spec)
    draft = Draft(order, workflow, settings, now)
    for make in _PASSES:
        make(draft)
    meta = workflow.metadata
    owner = {**owner_of(workflow), "controller": True, "blockOwnerDeletion": True}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": order.pod_name,
            "namespace": meta.namespace,
            "labels": draft.labels,
            "annotations": draft.annotations,
            "ownerReferences": [owner],
            **({"finalizers": draft.finalizers} if draft.finalizers else {}),
        },
        "spec": filled({**draft.spec, "containers": [filled(one) for one in draft.spec["containers"]]}),
    }
    return PodPlan(pod, tuple(draft.config_maps), draft.needs_shim, tuple(draft.warnings))


_PASSES: tuple[Callable[[Draft], None], ...] = (
    identify,
    main_container, container_set, script_source, resource_container, data_container, input_mounts,  # what runs
    companions, volumes, schedule, account, deadline, executors,  # what stands around it
    pod_spec_patch, drop_absent,  # the user's last word, before ours
    progress, environment, wrap_in_shim, hold_sidecars, restrict, check_volumes,
)  # fmt: skip
"""In this order: a pass sees what those before it made. What a patch may touch is made before it."""

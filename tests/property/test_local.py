"""This machine and the simulated world agree: of the same random workflow the same nodes, phases and outputs.

Here steps are real processes; there they are reports. Whether a step fails is decided by the last letter of its pod's name, which
both know, so that tries differ and nothing depends on time.
"""

import asyncio
import os
import tempfile
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiphys.cli.machine import ARGO, NAMESPACE, machine_for
from tiphys.local.objects import Place
from tiphys.local.process import ProcessRuntime
from tiphys.model.order import NodeOrder
from tiphys.model.parse import parse_workflow, to_json
from tiphys.model.workflow import Workflow
from tiphys.testing.random_spec import SpecMaker
from tiphys.testing.world import World

SEEDS = st.integers(0, 10**9)
EXAMPLES = settings(max_examples=20, deadline=None, derandomize=True)
_FAILING = "89"
_STEP = f'echo "{{{{inputs.parameters.m}}}} of {{{{pod.name}}}}"; case {{{{pod.name}}}} in *[{_FAILING}]) exit 3;; esac'
_TAKES_TIME = ("suspend", "memoize", "daemon")


def real(spec: dict[str, Any]) -> dict[str, Any]:
    """The spec with steps that are programs of this machine, and with nothing that waits."""
    for template in spec["templates"]:
        if template.keys() & {"steps", "dag"}:
            continue
        script = template["name"] in ("flaky", "kept")
        for name in (*_TAKES_TIME, "container"):
            template.pop(name, None)
        program = {"image": "i", "command": ["sh"], "source": _STEP} if script else {"image": "i", "command": ["sh", "-c", _STEP]}
        template["script" if script else "container"] = program
        template.get("retryStrategy", {}).pop("backoff", None)
        if "semaphores" in template.get("synchronization", {}):
            template["synchronization"] = {"mutexes": [{"name": "two"}]}
    return spec


def simulated(workflow: Workflow) -> Workflow:
    """As the simulated world ends it."""

    def behave(order: NodeOrder) -> dict[str, Any]:
        given = {parameter.name: str(parameter.value) for parameter in order.template.inputs.parameters}
        fails = order.pod_name[-1] in _FAILING
        said = {"result": f"{given['m']} of {order.pod_name}"} if order.wants_result else {}
        return {"phase": "Failed" if fails else "Succeeded", "exit_code": 3 if fails else 0, **said}

    return parse_workflow(World(workflow, behave).play().stored)


async def locally(workflow: Workflow) -> Workflow:
    """As it ends on this machine, with processes."""
    name = workflow.metadata.name
    async with machine_for(name, ProcessRuntime(), 4) as machine:
        machine.store.create(Place(ARGO, "workflows", NAMESPACE, name), to_json(workflow))
        async for one in machine.changes(name):
            last = one
    return parse_workflow(last)


def ending(workflow: Workflow) -> dict[str, Any]:
    """What must be the same: the workflow's phase; each node's name, type, phase, outputs and children."""
    told = {
        node.id: (node.name, node.type, node.phase, node.outputs and to_json(node.outputs), sorted(node.children))
        for node in workflow.status.nodes.values()
    }  # fmt: skip
    return {"": workflow.status.phase, **told}


@EXAMPLES
@given(SEEDS)
def test_a_random_workflow_ends_here_as_in_the_simulated_world(seed: int) -> None:
    spec = real(SpecMaker(seed).make())
    head = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow"}
    workflow = parse_workflow({**head, "metadata": {"name": "w", "namespace": NAMESPACE}, "spec": spec})
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        patched.setenv("TIPHYS_HOME", os.path.join(folder, "home"))  # noqa: PTH118 a name
        here = asyncio.run(locally(workflow))
    assert ending(here) == ending(simulated(workflow))

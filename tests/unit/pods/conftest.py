"""A pod from a few words."""

from collections.abc import Callable
from typing import Any

import pytest

from tiphys.model.order import NodeOrder
from tiphys.model.parse import parse_as, parse_workflow
from tiphys.model.template import Template
from tiphys.pods.build import PodPlan, build
from tiphys.pods.settings import PodSettings
from tiphys.testing.world import START

IMAGE = {"container": {"image": "i", "command": ["run"]}}


@pytest.fixture
def plan() -> Callable[..., PodPlan]:
    """`plan(template, spec=..., status=..., settings=..., **order)`: what is created for the node `hello.a`."""

    def made(template: dict[str, Any] | None = None, *, spec: dict[str, Any] | None = None, status: dict[str, Any] | None = None,
             settings: PodSettings | None = None, **order: Any) -> PodPlan:  # fmt: skip
        workflow = parse_workflow({"metadata": {"name": "hello", "namespace": "argo", "uid": "u1"},
                                   "spec": {"entrypoint": "a", **(spec or {})}, "status": status or {}})  # fmt: skip
        wanted = NodeOrder(node_id="hello-1", node_name="hello.a", pod_name="hello-a-1", template_name="a",
                           template=parse_as(Template, {"name": "a", **IMAGE, **(template or {})}), **order)  # fmt: skip
        return build(wanted, workflow, settings or PodSettings(), START)

    return made


@pytest.fixture
def pod(plan: Callable[..., PodPlan]) -> Callable[..., dict[str, Any]]:
    """The spec of the pod that `plan` gives."""
    return lambda *arguments, **more: plan(*arguments, **more).pod["spec"]

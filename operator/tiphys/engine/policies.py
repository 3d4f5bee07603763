"""The administrator's rules about what users may run: CEL expressions that must be true.

A rule that cannot be evaluated counts as broken, as in Kubernetes. Nothing of CEL is loaded where there are no rules.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from tiphys.errors import ExpressionError
from tiphys.model.names import PREFIX
from tiphys.model.parse import to_json
from tiphys.model.spec import WorkflowSpec
from tiphys.model.workflow import Workflow
from tiphys.settings.own import Policy


class Verdict(msgspec.Struct, frozen=True):
    """What the rules say.

    Attributes:
        denials: Why it may not run; empty when it may.
        warnings: What is to be said though it may.
    """

    denials: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def judge_workflow(policies: Iterable[Policy], workflow: Workflow, spec: WorkflowSpec) -> Verdict:
    """What the rules over workflows and templates say of a workflow that is about to begin.

    Args:
        policies: Of the administrator.
        workflow: As it is stored.
        spec: What is executed.
    """
    wanted = [policy for policy in policies if policy.over != "pod"]
    if not wanted:
        return Verdict()
    known = variables_of(msgspec.structs.replace(workflow, spec=spec))
    broken = []
    for policy in wanted:
        if policy.over == "workflow":
            broken += [(policy, fault) for fault in _faults(policy, known, "")]
            continue
        for template in known["workflow"].get("spec", {}).get("templates", ()):
            where = f" (template {template.get('name', '')})"
            broken += [(policy, fault) for fault in _faults(policy, {**known, "template": template}, where)]
    return _verdict(broken)


def judge_pod(policies: Iterable[Policy], workflow: Workflow, pod: Mapping[str, Any]) -> Verdict:
    """What the rules over pods say of a pod before it is made."""
    wanted = [policy for policy in policies if policy.over == "pod"]
    if not wanted:
        return Verdict()
    known = {**variables_of(workflow), "pod": pod}
    return _verdict([(policy, fault) for policy in wanted for fault in _faults(policy, known, "")])


def variables_of(workflow: Workflow) -> dict[str, Any]:
    """What every rule may read."""
    labels = workflow.metadata.labels
    user = {"name": labels.get(PREFIX + "creator", ""), "email": labels.get(PREFIX + "creator-email", "")}
    seen = to_json(msgspec.structs.replace(workflow, status=type(workflow.status)()))
    return {"workflow": seen, "namespace": workflow.metadata.namespace, "user": user}


def _faults(policy: Policy, variables: Mapping[str, Any], where: str) -> list[str]:
    from tiphys.expr.cel import compile_cel

    says = f"policy {policy.name}{where}: "
    try:
        answer = compile_cel(policy.expression).evaluate(variables)
    except ExpressionError as e:
        return [f"{says}it cannot be evaluated: {e.message}"]
    if answer is True:
        return []
    return [says + (policy.message or f"failed expression: {policy.expression}")]


def _verdict(broken: list[tuple[Policy, str]]) -> Verdict:
    return Verdict(
        tuple(fault for policy, fault in broken if policy.action == "deny"),
        tuple(fault for policy, fault in broken if policy.action == "warn"),
    )

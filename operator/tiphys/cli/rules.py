"""The administrator's policies, asked before a cluster sees a manifest."""

import sys
from collections.abc import Iterable

from tiphys.cli.documents import Document, read_documents
from tiphys.cli.judge import Fault
from tiphys.cluster.api import Api
from tiphys.cluster.premises import find_premises, judge
from tiphys.engine.policies import Verdict
from tiphys.engine.premises import Premises
from tiphys.engine.submission import example_of, judge_submission
from tiphys.errors import SpecError
from tiphys.model.base import Model
from tiphys.model.parse import parse_as
from tiphys.model.workflow import CronWorkflow, Workflow
from tiphys.settings import parse_own_configuration
from tiphys.settings.own import Policy

_SUBMITTING: dict[str, tuple[type[Model], str]] = {
    "Workflow": (Workflow, "spec"),
    "CronWorkflow": (CronWorkflow, "spec.workflowSpec"),
}
"""Kinds that are held to policies, and where what they run stands."""


def policies_of(path: str) -> tuple[Policy, ...]:
    """The policies of a file: our ConfigMap `tiphys`, or just its settings.

    Raises:
        SpecError: It is neither, or says nothing of policies.
    """
    found: list[Policy] = []
    for document in read_documents((path,)):
        entries = document.value.get("data") if document.kind == "ConfigMap" else document.value
        found += parse_own_configuration(entries or {}).policies
    if not found:
        raise SpecError(f"{path} has no policies", hint="give the ConfigMap `tiphys`, or a file with `policies:`")
    return tuple(found)


def broken(premises: Premises, document: Document) -> list[Fault]:
    """What a workflow, or that of a schedule, breaks of the policies; what they only warn of is printed."""
    if document.kind not in _SUBMITTING:
        return []
    kind, path = _SUBMITTING[document.kind]
    try:
        workflow = example_of(parse_as(kind, document.value))
    except SpecError:
        return []
    if workflow is None:
        return []
    verdict = judge_submission(workflow, premises)
    _warn(verdict, f"{document.file}: {document.name}: ")
    place = document.place(path)
    return [
        Fault(
            file=document.file, kind=document.kind, name=document.name, line=place.line, column=place.column, path=path,
            reason=denial,
        )
        for denial in verdict.denials
    ]  # fmt: skip


async def check_rules(api: Api, controller: Iterable[str], namespace: str, workflow: Workflow) -> None:
    """Let pass what the controller would run; what policies only warn of is printed.

    Args:
        api: The cluster.
        controller: Namespaces where its configuration may be.
        namespace: Where the workflow is to be.
        workflow: What is submitted.

    Raises:
        SpecError: A policy denies the workflow; the message names the policy.
    """
    verdict = await judge(api, namespace, workflow, await find_premises(api, controller))
    _warn(verdict, "")
    if verdict.denials:
        raise SpecError("; ".join(verdict.denials), hint="the administrator of the cluster says so, in ConfigMap tiphys")


def _warn(verdict: Verdict, where: str) -> None:
    for warning in verdict.warnings:
        print(f"{where}warning: {warning}", file=sys.stderr)

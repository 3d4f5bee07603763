"""The administrator's policies, asked before a cluster sees a manifest."""

import sys

from tiphys.cli.documents import Document, read_documents
from tiphys.cli.judge import Fault
from tiphys.engine.policies import judge_workflow
from tiphys.errors import SpecError
from tiphys.model.parse import parse_workflow
from tiphys.settings import parse_own_configuration
from tiphys.settings.own import Policy


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


def broken(policies: tuple[Policy, ...], document: Document) -> list[Fault]:
    """What a workflow breaks of the policies; what they only warn of is printed."""
    try:
        workflow = parse_workflow(document.value)
    except SpecError:
        return []
    verdict = judge_workflow(policies, workflow, workflow.spec)
    for warning in verdict.warnings:
        print(f"{document.file}: {document.name}: warning: {warning}", file=sys.stderr)
    place = document.place("spec")
    return [
        Fault(
            file=document.file, kind=document.kind, name=document.name, line=place.line, column=place.column, path="spec",
            reason=denial,
        )
        for denial in verdict.denials
    ]  # fmt: skip

"""Workflows of this machine: which one files are about, and what is to be said of it to who begins or changes it."""

import sys
from collections.abc import Iterator
from typing import Any

import msgspec

from tiphys.cli.documents import Document
from tiphys.cli.session import now
from tiphys.cluster.api import Api
from tiphys.cluster.connection import find_access
from tiphys.engine.cron.child import child_of
from tiphys.errors import NotFound, SpecError
from tiphys.model.parse import parse_as, to_json
from tiphys.model.phases import COMPLETED
from tiphys.model.workflow import CronWorkflow, Workflow

_UNHEEDED = frozenset((
    "affinity", "lifecycle", "livenessProbe", "nodeSelector", "resources", "securityContext", "startupProbe", "tolerations",
))  # fmt: skip
"""What pods and containers say that a cluster heeds, and this machine does not."""


def workflow_in(documents: list[Document]) -> Document:
    """The one Workflow of the given files; without any, what the one CronWorkflow would submit now.

    Raises:
        SpecError: There is not one.
    """
    for kind, make in (("Workflow", lambda one: one), ("CronWorkflow", _once)):
        found = [document for document in documents if document.kind == kind]
        if len(found) == 1:
            return make(found[0])
        if found:
            raise SpecError(f"expected one {kind} in the given files, found {len(found)}")
    kinds = ", ".join(sorted({document.kind for document in documents})) or "nothing"
    raise SpecError(f"expected one Workflow in the given files, found {kinds}")


def _once(document: Document) -> Document:
    manifest = to_json(child_of(parse_as(CronWorkflow, msgspec.json.encode(document.value)), now()))
    manifest["metadata"].pop("ownerReferences", None)
    # fields stand where they stood, as the user wrote them
    manifest["spec"] = document.value["spec"]["workflowSpec"]
    return Document(document.file, {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", **manifest}, None)


def warnings(documents: list[Document]) -> Iterator[str]:
    """What a workflow of the files may do to the world outside of this machine, and where; what of it is not heeded here."""
    ignored = sorted(_UNHEEDED & {key for document in documents for key in _keys(document.value.get("spec"))})
    if ignored:
        yield f"not heeded on this machine: {', '.join(ignored)}"
    if any("resource" in template for document in documents for template in _templates(document)):
        try:
            access = find_access()
        except NotFound as e:
            yield f"resource templates act on a cluster, and there is none: {e.message}"
        else:
            yield f"resource templates act on the cluster {access.server}, namespace {access.namespace}"


def say_who_heeds(api: Api, workflow: Workflow) -> None:
    """Of a workflow of this machine that no program runs: what makes it heed a change."""
    from tiphys.local.api import LocalApi

    if isinstance(api, LocalApi) and workflow.status.phase not in COMPLETED:
        from tiphys.cli.machine import is_run

        name = workflow.metadata.name
        if not is_run(api, name):
            print(f"no program runs {name}; it heeds that with: tiphys run --resume {name}", file=sys.stderr)


def _keys(part: object) -> Iterator[str]:
    if isinstance(part, dict):
        for key, value in part.items():
            yield key
            if key != "volumeClaimTemplates":
                yield from _keys(value)
    elif isinstance(part, list):
        for one in part:
            yield from _keys(one)


def _templates(document: Document) -> list[dict[str, Any]]:
    spec = document.value.get("spec") or {}
    return [one for one in (spec.get("workflowSpec") or spec).get("templates") or () if isinstance(one, dict)]

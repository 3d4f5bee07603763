"""What a new object goes through before it is stored: the rules of the engine, and those of the administrator.

Source: argo-semantics 23.1.
"""

import contextlib
from collections.abc import Iterator

import msgspec

from tiphys.engine.cron.validate import cron_faults
from tiphys.engine.library import Library
from tiphys.engine.references import check_references, lookup_in
from tiphys.engine.submission import check_submission, example_of
from tiphys.engine.validate import check_workflow, find_faults
from tiphys.errors import ExpressionError, Forbidden, SpecError
from tiphys.model.base import Json
from tiphys.model.parse import parse_as, parse_workflow
from tiphys.model.spec import WorkflowSpec
from tiphys.model.workflow import CronWorkflow, Workflow, WorkflowTemplate
from tiphys.server.answers import Unsound
from tiphys.server.call import Call
from tiphys.server.library import library_for
from tiphys.server.rules import check_rules

_WORDS = {"WorkflowTemplate": "workflow template", "ClusterWorkflowTemplate": "cluster workflow template"}


async def check(call: Call, namespace: str, manifest: Json) -> None:
    """Let pass what can run, and may.

    Raises:
        SpecError: It cannot.
        Forbidden: It may not.
    """
    meta = manifest.get("metadata") or {}
    name = meta.get("name") or f"{meta.get('generateName', '')}x"
    workflow = parse_workflow({**manifest, "metadata": {**meta, "name": name}})
    # what is wrong by itself is told before the cluster is asked
    check_workflow(workflow)
    library = await _library(call, namespace, workflow.spec)
    if library is not None:
        check_submission(workflow, library)
    await check_rules(call.gate.access, call.api, namespace, workflow)


async def check_stored(call: Call, kind: str, manifest: Json) -> None:
    """Let pass a template, a cluster template or a schedule that workflows can be made of.

    Raises:
        SpecError: It is none.
        Forbidden: What a schedule runs may not run.
    """
    if kind == "CronWorkflow":
        cron = parse_as(CronWorkflow, manifest)
        _raise(cron_faults(cron))
        library = await _library(call, call.namespace, cron.spec.workflow_spec)
        if library is not None:
            inner = msgspec.structs.replace(cron.metadata, name=cron.metadata.name or "x")
            check_submission(Workflow(metadata=inner, spec=cron.spec.workflow_spec), library)
        workflow = example_of(cron)
        if workflow is not None:
            await check_rules(call.gate.access, call.api, call.namespace, workflow)
        return
    template = parse_as(WorkflowTemplate, manifest)
    name = template.metadata.name or f"{template.metadata.generate_name}x"
    named = Workflow(metadata=msgspec.structs.replace(template.metadata, name=name), spec=template.spec)
    _raise(iter(find_faults(named, stored_as=_WORDS[kind])))
    library = await _library(call, call.namespace, template.spec)
    if library is not None:
        _raise(iter(find_faults(named, lookup_in(library), stored_as=_WORDS[kind])))
        check_references(template.spec, library)


def _raise(faults: Iterator[SpecError]) -> None:
    for fault in faults:
        raise fault


async def _library(call: Call, namespace: str, spec: WorkflowSpec) -> Library | None:
    """What a spec refers to; None where the caller may not read it: then the controller tells what is wrong."""
    try:
        return await library_for(call.api, namespace, spec)
    except Forbidden:
        return None


@contextlib.contextmanager
def linting() -> Iterator[None]:
    """Faults found inside are told as those of what was sent.

    Raises:
        Unsound: There is one.
    """
    try:
        yield
    except (SpecError, ExpressionError) as e:
        raise Unsound(str(e)) from e


def is_dry(call: Call) -> bool:
    """Whether nothing is to be stored."""
    body = call.body if isinstance(call.body, dict) else {}
    options = body.get("createOptions")
    asked = options.get("dryRun") if isinstance(options, dict) else None
    return bool(body.get("serverDryRun")) or "All" in (asked or ())

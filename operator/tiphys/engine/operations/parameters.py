"""Parameters given with a submission, a retry or a resubmission.

Source: argo-semantics 14.3.
"""

from collections.abc import Iterable, Mapping

import msgspec

from tiphys.errors import SpecError
from tiphys.model.arguments import Parameter
from tiphys.model.base import Json
from tiphys.model.spec import WorkflowSpec
from tiphys.model.workflow import Workflow


def parse_pairs(pairs: Iterable[str]) -> dict[str, str]:
    """`NAME=VALUE` texts as a mapping.

    Raises:
        SpecError: One has no `=`.
    """
    made = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise SpecError(f"expected parameter of the form: NAME=VALUE. Received: {pair}")
        made[name] = value
    return made


def set_parameters(manifest: Json, given: Mapping[str, str]) -> None:
    """Override or add arguments of a workflow's manifest."""
    arguments = manifest.setdefault("spec", {}).setdefault("arguments", {})
    kept = [entry for entry in arguments.get("parameters") or () if entry.get("name") not in given]
    if given:
        arguments["parameters"] = [*kept, *({"name": name, "value": value} for name, value in given.items())]


def with_parameters(spec: WorkflowSpec, given: Mapping[str, str]) -> WorkflowSpec:
    """The spec where the given parameters override its arguments or are added to them."""
    if not given:
        return spec
    kept = [parameter for parameter in spec.arguments.parameters if parameter.name not in given]
    added = [Parameter(name=name, value=value) for name, value in given.items()]
    arguments = msgspec.structs.replace(spec.arguments, parameters=(*kept, *added))
    return msgspec.structs.replace(spec, arguments=arguments)


def override(workflow: Workflow, given: Mapping[str, str]) -> Workflow:
    """The workflow with given parameters, in its stored spec too."""
    if not given:
        return workflow
    stored = workflow.status.stored_workflow_template_spec
    if stored is not None:
        status = msgspec.structs.replace(workflow.status, stored_workflow_template_spec=with_parameters(stored, given))
        workflow = msgspec.structs.replace(workflow, status=status)
    return msgspec.structs.replace(workflow, spec=with_parameters(workflow.spec, given))

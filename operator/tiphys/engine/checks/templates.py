"""One template as a whole.

Source: argo-semantics 23.1, 23.3.
"""

import msgspec

from tiphys.engine.checks.arguments import check_inputs, check_outputs
from tiphys.engine.checks.artifacts import check_template_artifacts
from tiphys.engine.checks.calls import Callees, check_steps
from tiphys.engine.checks.graph import check_dag
from tiphys.engine.checks.kinds import check_kind
from tiphys.engine.checks.known import Known, check_tags, of_items, of_template, steps_of
from tiphys.engine.checks.naming import check_step_names
from tiphys.engine.templates import merge_defaults
from tiphys.errors import SpecError
from tiphys.model.arguments import Outputs
from tiphys.model.template import Template


def check_template(
    raw: Template, defaults: Template | None, outer: Known, callees: Callees, faults: list[SpecError], *, path: str = ""
) -> None:
    """All rules of a template.

    Args:
        raw: As it was written.
        defaults: What is merged under it when it runs.
        outer: Variables that it may read beside its inputs.
        callees: What it may call.
        faults: Takes what is wrong.
        path: Where it stands, when that is not among the workflow's templates.
    """
    path = path or f"templates.{raw.name}"
    template = merge_defaults(raw, defaults) if defaults is not None else raw
    check_kind(template, raw, path, faults)
    check_inputs(raw, path, faults)
    check_outputs(raw, path, faults)
    check_template_artifacts(raw, path, faults)
    known = outer.plus(of_template(template))
    inside = known
    if raw.steps:
        check_step_names((step.name for group in raw.steps for step in group), f"{path}.steps", faults)
        inside = check_steps(raw, path, known, callees, faults)
    elif raw.dag is not None:
        inside = check_dag(raw, path, known, callees, faults)
    # the steps were looked at one by one
    check_tags(msgspec.structs.replace(raw, steps=(), dag=None, outputs=Outputs()), known, path, faults)
    if raw.dag is not None:
        check_tags(raw.dag.target, known, path, faults)
    check_tags(raw.outputs, inside, f"{path}.outputs", faults)
    for step in steps_of(raw):
        if step.inline is not None:
            where = f"{path}.{step.name}.inline"
            check_template(step.inline, defaults, inside.plus(of_items(step)), callees, faults, path=where)

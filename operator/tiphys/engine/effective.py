"""The spec that a run executes: its own with the defaults under it, or the one it references.

Source: argo-semantics 2.6, 22.3 to 22.5.
"""

import msgspec

from tiphys.engine.library import scope_of
from tiphys.engine.precedence import merged_spec
from tiphys.engine.premises import Premises
from tiphys.engine.restrictions import check_reference
from tiphys.errors import SpecError
from tiphys.model.base import ObjectMeta
from tiphys.model.spec import WorkflowSpec
from tiphys.model.workflow import Workflow

_CHANGED = "WorkflowSpec may not change during execution when the controller is set `templateReferencing: Secure`"


def effective_spec(workflow: Workflow, premises: Premises) -> WorkflowSpec:
    """The spec to execute. One that was stored when the run began is used as it is, whatever became of the template.

    Raises:
        SpecError: The referenced object is not there, or the administrator's restrictions do not allow the workflow.
    """
    own, stored = workflow.spec, workflow.status.stored_workflow_template_spec
    check_reference(own, premises.referencing, premises.overrides)
    has_begun = workflow.status.phase not in ("", "Pending")
    if own.workflow_template_ref is None:
        return own if has_begun else _with_defaults(own, premises)
    if stored is None or not has_begun:
        return _joined(own, premises)
    if premises.referencing == "Secure" and _still(_joined(own, premises)) != _still(stored):
        raise SpecError(_CHANGED)
    return msgspec.structs.replace(stored, suspend=own.suspend, shutdown=own.shutdown)


def _joined(own: WorkflowSpec, premises: Premises) -> WorkflowSpec:
    ref = own.workflow_template_ref
    if ref is None or not ref.name:
        raise SpecError("resource name is required", path="spec.workflowTemplateRef.name")
    template = premises.library.spec(scope_of(ref.name, cluster_scope=ref.cluster_scope))
    return _with_defaults(own, premises, template)


def _with_defaults(own: WorkflowSpec, premises: Premises, *weaker: WorkflowSpec) -> WorkflowSpec:
    specs = (own, *weaker, *((premises.defaults.spec,) if premises.defaults is not None else ()))
    return merged_spec(*specs) if len(specs) > 1 else own


def _still(spec: WorkflowSpec) -> WorkflowSpec:
    """The spec without what may change while it runs."""
    return msgspec.structs.replace(spec, suspend=None, shutdown="")


def default_metadata(meta: ObjectMeta, premises: Premises) -> tuple[dict[str, str], dict[str, str]]:
    """Labels and annotations that the defaults add, where the workflow does not say."""
    if premises.defaults is None:
        return {}, {}
    given = premises.defaults.metadata
    labels = {key: text for key, text in given.labels.items() if key not in meta.labels}
    return labels, {key: text for key, text in given.annotations.items() if key not in meta.annotations}

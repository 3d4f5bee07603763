"""What the administrator's policies will say of a workflow that is not stored yet: the same as when it begins.

Source: argo-semantics 22.3 to 22.5, for what is executed.
"""

import msgspec

from tiphys.engine.effective import default_metadata, effective_spec
from tiphys.engine.policies import Verdict, judge_workflow
from tiphys.engine.premises import Premises
from tiphys.errors import SpecError
from tiphys.model.workflow import Workflow


def judge_submission(workflow: Workflow, premises: Premises) -> Verdict:
    """What the rules say of what would be executed.

    Args:
        workflow: As it is given.
        premises: Rules, defaults, and the stored template if it references one; without that nothing is said.
    """
    if not premises.policies:
        return Verdict()
    try:
        spec = effective_spec(workflow, premises)
    except SpecError:
        return Verdict()
    labels, annotations = default_metadata(workflow.metadata, premises)
    own = workflow.metadata
    meta = msgspec.structs.replace(own, labels={**labels, **own.labels}, annotations={**annotations, **own.annotations})
    whole = msgspec.structs.replace(workflow, metadata=meta)
    return judge_workflow(premises.policies, whole, msgspec.structs.replace(spec, workflow_template_ref=None))

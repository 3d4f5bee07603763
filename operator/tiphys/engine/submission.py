"""What will be said of a workflow that is not stored yet when it begins: by the engine's rules and the administrator's policies.

Source: argo-semantics 22.3 to 22.5, for what is executed; 23.
"""

from datetime import UTC, datetime

import msgspec

from tiphys.engine.cron.child import child_of
from tiphys.engine.effective import default_metadata, effective_spec
from tiphys.engine.library import Library
from tiphys.engine.policies import Verdict, judge_workflow
from tiphys.engine.premises import Premises
from tiphys.engine.references import check_references, lookup_in
from tiphys.engine.validate import check_workflow
from tiphys.errors import SpecError
from tiphys.model.base import Model
from tiphys.model.workflow import CronWorkflow, Workflow

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def check_submission(workflow: Workflow, library: Library) -> None:
    """Return when a workflow can run as it would begin: with the stored spec that it references, and all templates it calls.

    Args:
        workflow: As it is given, with a name.
        library: What it refers to, directly and not.

    Raises:
        SpecError: The first thing that is wrong with it.
    """
    check_workflow(workflow)
    spec = effective_spec(workflow, Premises(library=library))
    whole = msgspec.structs.replace(workflow, spec=msgspec.structs.replace(spec, workflow_template_ref=None))
    check_workflow(whole, lookup_in(library))
    check_references(spec, library)


def example_of(stored: Model) -> Workflow | None:
    """The workflow that a stored object submits, as far as that is known before it does: itself, or a schedule's.

    None of what submits nothing by itself, and of an event binding, whose workflow is known when its event is.
    """
    match stored:
        case Workflow():
            return stored
        case CronWorkflow():
            return child_of(stored, _NEVER)
        case _:
            return None


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

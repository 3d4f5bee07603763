"""Which workflows a command is about: by labels, fields, phase, age.

Source: features 25.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from cyclopts import Parameter

from tiphys.cli.session import all_workflows, now
from tiphys.cluster.api import Api
from tiphys.errors import SpecError
from tiphys.model.durations import parse_duration
from tiphys.model.names import LABEL_COMPLETED, LABEL_INSTANCE_ID, LABEL_RESUBMITTED_FROM
from tiphys.model.phases import COMPLETED
from tiphys.model.workflow import Workflow


@Parameter(name="*")
@dataclass(kw_only=True)
class Selectors:
    """What the API server selects by.

    Attributes:
        selector: Labels, as `app=x,tier!=y`.
        field_selector: Fields, as `metadata.name=x`.
        instanceid: Only workflows of the controller with this instance id.
    """

    selector: Annotated[str, Parameter(name=["--selector", "-l"])] = ""
    field_selector: str = ""
    instanceid: Annotated[str, Parameter(env_var="ARGO_INSTANCEID")] = ""

    @property
    def is_said(self) -> bool:
        """Whether anything is selected by."""
        return bool(self.selector or self.field_selector)


@Parameter(name="*")
@dataclass(kw_only=True)
class Conditions:
    """What we select by among those.

    Attributes:
        status: Phases, with commas.
        completed: Those that have ended.
        resubmitted: Those that were made by `resubmit`.
        prefix: Those whose name begins so.
        older: Those that ended longer ago than, as `10m`, `3h`, `7d`.
    """

    status: str = ""
    completed: Annotated[bool, Parameter(negative="")] = False
    resubmitted: Annotated[bool, Parameter(negative="")] = False
    prefix: str = ""
    older: str = ""

    @property
    def is_said(self) -> bool:
        """Whether anything is selected by."""
        return bool(self.status or self.completed or self.resubmitted or self.prefix or self.older)

    def labels(self) -> list[str]:
        """What the API server can select of it."""
        wanted = [f"{LABEL_COMPLETED}=true"] if self.completed else []
        return [*wanted, *([LABEL_RESUBMITTED_FROM] if self.resubmitted else [])]

    def holds(self, workflow: Workflow, at: datetime) -> bool:
        """Whether a workflow is meant."""
        status = workflow.status
        if self.older and (status.finished_at is None or at - status.finished_at < _span("--older", self.older)):
            return False
        phases = [phase.strip() for phase in self.status.split(",")] if self.status else ()
        is_ended = not (self.completed or self.older) or status.phase in COMPLETED
        return is_ended and workflow.metadata.name.startswith(self.prefix) and (not phases or status.phase in phases)


def created_since(workflow: Workflow, since: str, at: datetime) -> bool:
    """Whether a workflow was made no longer ago than `since` says."""
    made = workflow.metadata.creation_timestamp
    return made is not None and at - made <= _span("--since", since)


async def matching(
    api: Api, namespace: str, selectors: Selectors | None = None, conditions: Conditions | None = None, *labels: str,
    page: int = 0,
) -> list[Workflow]:  # fmt: skip
    """The workflows that are meant, newest first.

    Args:
        api: Who is asked.
        namespace: Empty for all.
        selectors: None for all.
        conditions: None for all.
        labels: Further terms of a label selector.
        page: So many in one answer; 0 for the usual number.
    """
    chosen, wanted = selectors or Selectors(), conditions or Conditions()
    instance = f"{LABEL_INSTANCE_ID}={chosen.instanceid}" if chosen.instanceid else ""
    terms = ",".join(part for part in (chosen.selector, instance, *wanted.labels(), *labels) if part)
    at = now()
    found = [
        workflow
        async for workflow in all_workflows(api, namespace, terms, fields=chosen.field_selector, page=page)
        if wanted.holds(workflow, at)
    ]
    return sorted(found, key=lambda workflow: str(workflow.metadata.creation_timestamp), reverse=True)


async def named_or_matching(api: Api, namespace: str, names: tuple[str, ...], selectors: Selectors | None) -> list[str]:
    """The names that are given, and of those that are selected.

    Raises:
        SpecError: Nothing is given.
    """
    if not names and (selectors is None or not selectors.is_said):
        raise SpecError("no workflow given", hint="give names, --selector LABELS or --field-selector FIELDS")
    found = await matching(api, namespace, selectors) if selectors is not None and selectors.is_said else []
    return [*dict.fromkeys((*names, *(workflow.metadata.name for workflow in found)))]


def _span(option: str, text: str) -> timedelta:
    try:
        return parse_duration(text)
    except SpecError as e:
        raise SpecError(e.message, path=option, hint=e.hint) from e

"""Workflows, the objects of their templates, schedules and event bindings: the objects that users apply.

Source: Argo's API, version v1alpha1. Types that pods own (containers, volumes, affinity) stay as they were written.
"""

from datetime import datetime

from tiphys.model import names
from tiphys.model.arguments import Arguments
from tiphys.model.base import Json, Model, ObjectMeta
from tiphys.model.phases import POD
from tiphys.model.spec import WorkflowSpec, WorkflowTemplateRef
from tiphys.model.status import Condition, NodeStatus, WorkflowStatus


class Workflow(Model, frozen=True):
    """One run."""

    api_version: str = "argoproj.io/v1alpha1"
    kind: str = "Workflow"
    metadata: ObjectMeta = ObjectMeta()
    spec: WorkflowSpec = WorkflowSpec()
    status: WorkflowStatus = WorkflowStatus()


def pod_name(workflow: Workflow, node: NodeStatus) -> str:
    """The name of a node's pod; empty for nodes without one."""
    if node.type != POD:
        return ""
    template = node.executed_template
    version = workflow.metadata.annotations.get(names.ANNOTATION_POD_NAME_FORMAT) or "v2"
    return names.pod_name(workflow.metadata.name, node.id, template, version=version)


class WorkflowTemplate(Model, frozen=True):
    """Templates kept in a namespace."""

    api_version: str = "argoproj.io/v1alpha1"
    kind: str = "WorkflowTemplate"
    metadata: ObjectMeta = ObjectMeta()
    spec: WorkflowSpec = WorkflowSpec()


class ClusterWorkflowTemplate(Model, frozen=True):
    """Templates kept for the cluster."""

    api_version: str = "argoproj.io/v1alpha1"
    kind: str = "ClusterWorkflowTemplate"
    metadata: ObjectMeta = ObjectMeta()
    spec: WorkflowSpec = WorkflowSpec()


class StopStrategy(Model, frozen=True):
    """When a schedule stops for good."""

    expression: str = ""


class CronWorkflowSpec(Model, frozen=True):
    """A schedule and what it runs."""

    concurrency_policy: str = ""
    failed_jobs_history_limit: int | None = None
    schedules: tuple[str, ...] = ()
    starting_deadline_seconds: int | None = None
    stop_strategy: StopStrategy | None = None
    successful_jobs_history_limit: int | None = None
    suspend: bool | None = None
    timezone: str = ""
    when: str = ""
    workflow_metadata: ObjectMeta = ObjectMeta()
    workflow_spec: WorkflowSpec = WorkflowSpec()


class CronWorkflowStatus(Model, frozen=True):
    """What a schedule has done."""

    active: tuple[Json, ...] = ()
    conditions: tuple[Condition, ...] = ()
    failed: int | None = None
    last_scheduled_time: datetime | None = None
    phase: str = ""
    succeeded: int | None = None


class CronWorkflow(Model, frozen=True):
    """A workflow by schedule."""

    api_version: str = "argoproj.io/v1alpha1"
    kind: str = "CronWorkflow"
    metadata: ObjectMeta = ObjectMeta()
    spec: CronWorkflowSpec = CronWorkflowSpec()
    status: CronWorkflowStatus = CronWorkflowStatus()


class EventSelector(Model, frozen=True):
    """Which events match."""

    selector: str = ""


class EventSubmit(Model, frozen=True):
    """What a matching event submits."""

    metadata: ObjectMeta = ObjectMeta()
    arguments: Arguments | None = None
    workflow_template_ref: WorkflowTemplateRef | None = None


class WorkflowEventBindingSpec(Model, frozen=True):
    """Events and what they submit."""

    event: EventSelector | None = None
    submit: EventSubmit | None = None


class WorkflowEventBinding(Model, frozen=True):
    """Submits a template on an event."""

    api_version: str = "argoproj.io/v1alpha1"
    kind: str = "WorkflowEventBinding"
    metadata: ObjectMeta = ObjectMeta()
    spec: WorkflowEventBindingSpec | None = None

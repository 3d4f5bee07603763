"""Tasks that an agent does for a workflow, and what came of them. Source: argo-semantics 18.4."""

from tiphys.model.arguments import Outputs
from tiphys.model.base import Json, Model, ObjectMeta
from tiphys.model.names import node_id
from tiphys.model.parse import to_json
from tiphys.model.template import Template

KIND = "WorkflowTaskSet"


class TaskResult(Model, frozen=True):
    """What came of a task; a fulfilled phase is the last one."""

    phase: str = ""
    message: str = ""
    outputs: Outputs | None = None
    progress: str = ""


class TaskSetSpec(Model, frozen=True):
    """Node id -> what to do."""

    tasks: dict[str, Template] = {}


class TaskSetStatus(Model, frozen=True):
    """Node id -> what came of it."""

    nodes: dict[str, TaskResult] = {}


class TaskSet(Model, frozen=True):
    """All tasks of one workflow; called as the workflow is."""

    api_version: str = "argoproj.io/v1alpha1"
    kind: str = KIND
    metadata: ObjectMeta = ObjectMeta()
    spec: TaskSetSpec = TaskSetSpec()
    status: TaskSetStatus = TaskSetStatus()


class PluginServer(Model, frozen=True):
    """An executor plugin as the agent reaches it."""

    name: str = ""
    address: str = ""
    token_file: str = ""


def agent_name(workflow: str) -> str:
    """The name of a workflow's agent pod."""
    return f"{node_id(workflow, 'agent')}-agent"


def task_of(template: Template) -> Json:
    """The part of a template that an agent needs."""
    wanted = Template(
        name=template.name, http=template.http, plugin=template.plugin, inputs=template.inputs, outputs=template.outputs
    )
    return to_json(wanted)

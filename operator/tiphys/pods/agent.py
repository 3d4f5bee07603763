"""The pod of a workflow's agent: our own program, and the executor plugins beside it as native sidecars.

Source: argo-semantics 18.4.
"""

import msgspec
import yaml

from tiphys.errors import SpecError
from tiphys.model.base import Json
from tiphys.model.names import (
    ANNOTATION_NODE_ID,
    LABEL_COMPLETED,
    LABEL_COMPONENT,
    LABEL_INSTANCE_ID,
    LABEL_WORKFLOW,
    PREFIX,
    node_id,
)
from tiphys.model.parse import to_json
from tiphys.model.spec import ExecutorPlugin
from tiphys.model.task_set import PluginServer, agent_name
from tiphys.model.workflow import Workflow
from tiphys.pods.draft import MAIN, filled, owner_of
from tiphys.pods.merge import strategic_merge
from tiphys.pods.settings import PodSettings
from tiphys.pods.view import PodView

COMPONENT = "agent"
PLUGIN_LABEL = f"{PREFIX}configmap-type=ExecutorPlugin"
PLUGIN_SUFFIX = "-executor-plugin"
_VOLUME, _FOLDER = "var-run-argo", "/var/run/argo"
_REQUESTS = {"requests": {"cpu": "10m", "memory": "64Mi"}}


class Plugin(msgspec.Struct, frozen=True):
    """An executor plugin: its name, its container, and the port on which that listens."""

    name: str
    container: Json

    @property
    def server(self) -> PluginServer:
        """How the agent reaches it.

        Raises:
            SpecError: It says no port.
        """
        ports = self.container.get("ports") or ()
        if not ports or not ports[0].get("containerPort"):
            raise SpecError(f"executor plugin {self.name}: its container must say a port")
        return PluginServer(
            name=self.name, address=f"http://localhost:{ports[0]['containerPort']}", token_file=f"{_FOLDER}/{self.name}/token"
        )


def plugin_of_config_map(name: str, values: dict[str, str]) -> Plugin:
    """The plugin that a labelled ConfigMap describes.

    Raises:
        SpecError: Its container cannot be read.
    """
    try:
        container = yaml.safe_load(values.get("sidecar.container", ""))
    except (yaml.YAMLError, ValueError, RecursionError) as e:
        raise SpecError(f"executor plugin {name}: sidecar.container: {e}") from e
    if not isinstance(container, dict) or not container.get("image"):
        raise SpecError(f"executor plugin {name}: sidecar.container must be a container with an image")
    return Plugin(name.removesuffix(PLUGIN_SUFFIX), container)


def plugin_of_spec(written: ExecutorPlugin) -> Plugin:
    """The plugin that a workflow brings along.

    Raises:
        SpecError: It has no container.
    """
    sidecar = written.spec.sidecar if written.spec is not None else None
    if sidecar is None or not sidecar.container:
        raise SpecError(f"executor plugin {written.metadata.name}: spec.sidecar.container is required")
    return Plugin(written.metadata.name, sidecar.container)


def agent_pod(workflow: Workflow, settings: PodSettings, plugins: tuple[Plugin, ...]) -> Json:
    """The agent's pod.

    Raises:
        SpecError: A plugin cannot be reached.
    """
    meta, spec = workflow.metadata, workflow.status.stored_workflow_template_spec or workflow.spec
    labels = {LABEL_WORKFLOW: meta.name, LABEL_COMPONENT: COMPONENT, LABEL_COMPLETED: "false"}
    if settings.instance_id:
        labels[LABEL_INSTANCE_ID] = settings.instance_id
    owner = {**owner_of(workflow), "controller": True, "blockOwnerDeletion": True}
    account = spec.executor.service_account_name if spec.executor is not None else ""
    # the agent reads and writes its task set: it needs a token, whatever pods of users need
    made: Json = {
        "restartPolicy": "OnFailure",
        "serviceAccountName": account or spec.service_account_name,
        "automountServiceAccountToken": True,
        "nodeSelector": spec.node_selector,
        "tolerations": list(spec.tolerations),
        "affinity": spec.affinity,
        "securityContext": spec.security_context,
        "imagePullSecrets": list(spec.image_pull_secrets),
        "schedulerName": spec.scheduler_name,
        "priorityClassName": spec.pod_priority_class_name,
        "initContainers": _companions(settings, plugins),
        "containers": [_main(workflow, settings, plugins)],
        "volumes": [{"name": _VOLUME, "emptyDir": {}}] if plugins else [],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": agent_name(meta.name),
            "namespace": meta.namespace,
            "labels": labels,
            "annotations": {ANNOTATION_NODE_ID: node_id(meta.name, "agent")},
            "ownerReferences": [owner],
        },
        "spec": filled(made),
    }


def _executor(settings: PodSettings, name: str, command: list[str]) -> Json:
    own = {
        "name": name,
        "image": settings.executor.get("image") or settings.executor_image,
        "imagePullPolicy": settings.executor.get("imagePullPolicy") or settings.image_pull_policy,
        "command": command,
    }
    return filled(strategic_merge({"resources": _REQUESTS, **settings.executor, "args": []}, filled(own)))


def _main(workflow: Workflow, settings: PodSettings, plugins: tuple[Plugin, ...]) -> Json:
    meta = workflow.metadata
    servers = msgspec.json.encode([to_json(plugin.server) for plugin in plugins]).decode()
    made = _executor(settings, MAIN, ["tiphys", "executor", "agent"])
    values = {
        "TIPHYS_NAMESPACE": meta.namespace,
        "TIPHYS_WORKFLOW": meta.name,
        "TIPHYS_WORKFLOW_UID": meta.uid,
        "TIPHYS_PLUGINS": servers,
    }
    made["env"] = [*made.get("env", ()), *({"name": name, "value": value} for name, value in values.items())]
    if plugins:
        made["volumeMounts"] = [*made.get("volumeMounts", ()), {"name": _VOLUME, "mountPath": _FOLDER, "readOnly": True}]
    return made


def _companions(settings: PodSettings, plugins: tuple[Plugin, ...]) -> list[Json]:
    if not plugins:
        return []
    init = _executor(settings, "init", ["tiphys", "executor", "agent-tokens", *(plugin.name for plugin in plugins)])
    init["volumeMounts"] = [*init.get("volumeMounts", ()), {"name": _VOLUME, "mountPath": _FOLDER}]
    sidecars = []
    for plugin in plugins:
        mount = {"name": _VOLUME, "mountPath": _FOLDER, "subPath": plugin.name, "readOnly": True}
        own = plugin.container
        name = str(own.get("name") or plugin.name)
        sidecars.append({**own, "name": name, "restartPolicy": "Always", "volumeMounts": [*own.get("volumeMounts", ()), mount]})
    return [init, *sidecars]


def is_agent(pod: PodView) -> bool:
    """Whether the pod is an agent's."""
    return pod.metadata.labels.get(LABEL_COMPONENT) == COMPONENT

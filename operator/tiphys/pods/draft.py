"""A Pod in the making, and the names that its makers share."""

from datetime import datetime
from typing import Any

from tiphys.model.base import Json
from tiphys.model.order import NodeOrder
from tiphys.model.workflow import Workflow
from tiphys.pods.settings import PodSettings

MAIN = "main"
SHIM_VOLUME = "tiphys-shim"
SCRIPT_VOLUME = "argo-staging"
RUN_VOLUME = "var-run-argo"
RUN_FOLDER = "/var/run/argo"
INPUT_VOLUME = "input-artifacts"
STAGED_VOLUME = "tiphys-staged"
PLAN_VOLUME = "tiphys-staging-plan"
ORDER_VOLUME = "tiphys-order"
OWN_VOLUMES = frozenset({ORDER_VOLUME, RUN_VOLUME, SHIM_VOLUME, SCRIPT_VOLUME, STAGED_VOLUME, PLAN_VOLUME})
"""Volumes of ours, which nobody mirrors."""


class Draft:
    """A Pod in the making. `spec` is the pod's; what is empty in the end is left out.

    Attributes:
        order: What is to run; `template` is its template.
        workflow: Whom the pod belongs to.
        settings: What all pods share.
        now: When the pod is built.
        labels, annotations, finalizers: Of the pod.
        config_maps: What must exist before the pod.
        needs_shim: The namespace must hold the shim.
        logged: Containers whose logs are kept.
        warnings: What users should be told of.
    """

    def __init__(self, order: NodeOrder, workflow: Workflow, settings: PodSettings, now: datetime) -> None:
        self.order = order
        self.template = order.template
        self.workflow = workflow
        self.settings = settings
        self.now = now
        self.labels: dict[str, str] = {}
        self.annotations: dict[str, str] = {}
        self.finalizers: list[str] = []
        self.spec: Json = {"restartPolicy": "Never", "containers": [], "initContainers": [], "volumes": []}
        self.config_maps: list[Json] = []
        self.needs_shim = False
        self.logged: frozenset[str] = frozenset()
        self.warnings: list[str] = []

    def path(self, text: str) -> str:
        """Where in the workflow the template stands."""
        return f"templates.{self.order.template_name}.{text}"

    def add(self, key: str, value: Any) -> None:
        """Append to a list of the spec."""
        self.spec.setdefault(key, []).append(value)

    def share_run_folder(self, container: Json) -> None:
        """The container sees the folder that containers of the pod share with us."""
        mounts = container.get("volumeMounts", ())
        if any(mount.get("mountPath") == RUN_FOLDER for mount in mounts):
            return
        container["volumeMounts"] = [*mounts, {"name": RUN_VOLUME, "mountPath": RUN_FOLDER}]
        if all(volume.get("name") != RUN_VOLUME for volume in self.spec["volumes"]):
            self.add("volumes", {"name": RUN_VOLUME, "emptyDir": {}})

    @property
    def main(self) -> Json:
        """The container `main`, else the last one; empty while there is none."""
        containers: list[Json] = self.spec["containers"]
        if not containers:
            return {}
        return next((container for container in containers if container.get("name") == MAIN), containers[-1])

    @main.setter
    def main(self, container: Json) -> None:
        self.spec["containers"] = [*(other for other in self.spec["containers"] if other.get("name") != MAIN), container]

    def containers(self) -> list[Json]:
        """All containers, those that start first first; to be changed in place."""
        return [*self.spec["initContainers"], *self.spec["containers"]]


def owner_of(workflow: Workflow) -> Json:
    """The workflow as an owner reference names it."""
    meta = workflow.metadata
    return {"apiVersion": workflow.api_version, "kind": workflow.kind, "name": meta.name, "uid": meta.uid}


def first(*values: Any) -> Any:
    """The first value that says something: a template's own before the workflow's."""
    return next((value for value in values if value), None)


def filled(value: Json) -> Json:
    """The object without what says nothing."""
    return {key: part for key, part in value.items() if part not in (None, [], {}, (), "")}

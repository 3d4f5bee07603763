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
OWN_VOLUMES = frozenset({SHIM_VOLUME, SCRIPT_VOLUME})
"""Volumes of ours, which nobody mirrors."""


class Draft:
    """A Pod in the making."""

    def __init__(self, order: NodeOrder, workflow: Workflow, settings: PodSettings, now: datetime) -> None:
        self.order = order
        self.template = order.template
        self.workflow = workflow
        self.settings = settings
        self.now = now
        self.main: Json = {}
        self.labels: dict[str, str] = {}
        self.annotations: dict[str, str] = {}
        self.spec: Json = {"restartPolicy": "Never"}
        self.config_maps: list[Json] = []
        self.needs_shim = False

    def path(self, text: str) -> str:
        """Where in the workflow the template stands."""
        return f"templates.{self.order.template_name}.{text}"

    def add(self, key: str, value: Any) -> None:
        """Append to a list of the spec."""
        self.spec.setdefault(key, []).append(value)


def owner_of(workflow: Workflow) -> Json:
    """The workflow as an owner reference names it."""
    meta = workflow.metadata
    return {"apiVersion": workflow.api_version, "kind": workflow.kind, "name": meta.name, "uid": meta.uid}


def first(*values: Any) -> Any:
    """The first value that says something: a template's own before the workflow's."""
    return next((value for value in values if value), None)

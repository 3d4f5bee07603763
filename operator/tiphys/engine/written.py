"""What of a run is stored already, and the smallest patch that stores the rest.

Source: argo-semantics 2.8.
"""

import msgspec

from tiphys.engine.labelling import Labelling
from tiphys.engine.patch import as_json, difference
from tiphys.engine.tree import NodeTree
from tiphys.model.base import Json, ObjectMeta
from tiphys.model.spec import WorkflowSpec
from tiphys.model.status import WorkflowStatus
from tiphys.model.workflow import Workflow


class Written:
    """The workflow as it is stored; labels and annotations as they are to be.

    Attributes:
        labels: Of the workflow; set those that are to change.
        annotations: Likewise.
        finalizer: One to add to those that are there; empty for none.
    """

    def __init__(self, workflow: Workflow) -> None:
        self._status: Json = _status_json(workflow.status)
        self._stored_templates = workflow.status.stored_templates
        self._stored_spec = workflow.status.stored_workflow_template_spec
        self._spec: Json = {}
        self.labels = dict(workflow.metadata.labels)
        self.annotations = dict(workflow.metadata.annotations)
        self.finalizer = ""
        self._found = workflow.metadata
        self._own: set[tuple[str, str]] = set()

    def add(self, made: Labelling) -> None:
        """Set labels and annotations."""
        self.labels |= made.labels
        self.annotations |= made.annotations

    def change_spec(self, old: WorkflowSpec, new: WorkflowSpec) -> None:
        """Write what the controller's defaults add to the spec."""
        self._spec = difference(as_json(old), as_json(new))

    def take_patch(self, stored: ObjectMeta, status: WorkflowStatus, tree: NodeTree) -> Json | None:
        """The merge patch of labels, annotations, spec and status since the last one; None when nothing changed."""
        made = _status_json(status)
        patch: Json = difference(self._status, made)
        self._status = made
        patch |= self._take_large(status)
        nodes: Json = {}
        for old, new in tree.take_changes():
            change = as_json(new) if old is None else difference(as_json(old), as_json(new))
            if change:
                nodes[new.id] = change
        if nodes:
            patch["nodes"] = nodes
        parts = {"metadata": self._metadata_patch(stored), "spec": self._spec, "status": patch}
        self._spec = {}
        return {key: part for key, part in parts.items() if part} or None

    def _take_large(self, status: WorkflowStatus) -> Json:
        """The parts that hardly ever change and may be large: compared by identity, not by content."""
        patch: Json = {}
        if status.stored_templates is not self._stored_templates:
            known, self._stored_templates = self._stored_templates, status.stored_templates
            new = {key: as_json(template) for key, template in status.stored_templates.items() if key not in known}
            patch |= {"storedTemplates": new} if new else {}
        if status.stored_workflow_template_spec is not self._stored_spec:
            self._stored_spec = status.stored_workflow_template_spec
            patch["storedWorkflowTemplateSpec"] = as_json(self._stored_spec)
        return patch

    def _metadata_patch(self, stored: ObjectMeta) -> Json:
        labels = {key: text for key, text in self._own_labels().items() if stored.labels.get(key) != text}
        annotations = {key: text for key, text in self._own_annotations().items() if stored.annotations.get(key) != text}
        finalizers = [*stored.finalizers, self.finalizer] if self._lacks_finalizer(stored) else []
        parts = {"labels": labels, "annotations": annotations, "finalizers": finalizers}
        return {key: part for key, part in parts.items() if part}

    def _own_labels(self) -> dict[str, str]:
        """Those that we set: what others write meanwhile stays theirs."""
        return self._ours("label", self.labels, self._found.labels)

    def _own_annotations(self) -> dict[str, str]:
        return self._ours("annotation", self.annotations, self._found.annotations)

    def _ours(self, kind: str, wanted: dict[str, str], found: dict[str, str]) -> dict[str, str]:
        self._own |= {(kind, key) for key, text in wanted.items() if found.get(key) != text}
        return {key: text for key, text in wanted.items() if (kind, key) in self._own}

    def _lacks_finalizer(self, stored: ObjectMeta) -> bool:
        return bool(self.finalizer) and self.finalizer not in stored.finalizers

    def metadata(self, stored: ObjectMeta) -> ObjectMeta:
        """The stored metadata with what was patched."""
        labels = {**stored.labels, **self._own_labels()}
        annotations = {**stored.annotations, **self._own_annotations()}
        finalizers = (*stored.finalizers, self.finalizer) if self._lacks_finalizer(stored) else stored.finalizers
        return msgspec.structs.replace(stored, labels=labels, annotations=annotations, finalizers=finalizers)


def _status_json(status: WorkflowStatus) -> Json:
    made: Json = as_json(msgspec.structs.replace(status, nodes={}, stored_templates={}, stored_workflow_template_spec=None))
    return made

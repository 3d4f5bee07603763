"""What of a run is stored already, and the smallest patch that stores the rest.

Source: argo-semantics 2.8.
"""

import msgspec

from tiphys.engine.patch import as_json, difference
from tiphys.engine.tree import NodeTree
from tiphys.model.base import Json, ObjectMeta
from tiphys.model.status import WorkflowStatus
from tiphys.model.workflow import Workflow


class Written:
    """The workflow as it is stored; labels and annotations as they are to be.

    Attributes:
        labels: Of the workflow; set those that are to change.
        annotations: Likewise.
    """

    def __init__(self, workflow: Workflow) -> None:
        self._status: Json = _status_json(workflow.status)
        self.labels = dict(workflow.metadata.labels)
        self.annotations = dict(workflow.metadata.annotations)

    def take_patch(self, stored: ObjectMeta, status: WorkflowStatus, tree: NodeTree) -> Json | None:
        """The merge patch of labels, annotations and status since the last one; None when nothing changed."""
        made = _status_json(status)
        patch: Json = difference(self._status, made)
        self._status = made
        nodes: Json = {}
        for old, new in tree.take_changes():
            change = as_json(new) if old is None else difference(as_json(old), as_json(new))
            if change:
                nodes[new.id] = change
        if nodes:
            patch["nodes"] = nodes
        meta = self._metadata_patch(stored)
        if not patch and not meta:
            return None
        return {**({"metadata": meta} if meta else {}), **({"status": patch} if patch else {})}

    def _metadata_patch(self, stored: ObjectMeta) -> Json:
        labels = {key: text for key, text in self.labels.items() if stored.labels.get(key) != text}
        annotations = {key: text for key, text in self.annotations.items() if stored.annotations.get(key) != text}
        return {**({"labels": labels} if labels else {}), **({"annotations": annotations} if annotations else {})}

    def metadata(self, stored: ObjectMeta) -> ObjectMeta:
        """The stored metadata with what was patched."""
        labels = {**stored.labels, **self.labels}
        annotations = {**stored.annotations, **self.annotations}
        return msgspec.structs.replace(stored, labels=labels, annotations=annotations)


def _status_json(status: WorkflowStatus) -> Json:
    made: Json = as_json(msgspec.structs.replace(status, nodes={}))
    return made

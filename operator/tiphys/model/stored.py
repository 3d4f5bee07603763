"""The artifacts that a workflow's pods have stored, each with its whole location, and which log is whose. Pure."""

from collections.abc import Iterator
from typing import NamedTuple

from tiphys.errors import NotFound, SpecError
from tiphys.model.arguments import Artifact
from tiphys.model.phases import POD
from tiphys.model.status import NodeStatus
from tiphys.model.storage import relocated, repository_location
from tiphys.model.workflow import Workflow, pod_name

LOGS = "-logs"
"""What an archived log's artifact is called: the container's name and this."""


class Stored(NamedTuple):
    """One output artifact of a node, with its full location."""

    node: NodeStatus
    artifact: Artifact


def stored_artifacts(workflow: Workflow, *, pods_only: bool = True) -> Iterator[Stored]:
    """The output artifacts that were stored and not deleted, in order of the nodes; what cannot be located is left out."""
    known = workflow.status.artifact_repository_ref
    base = repository_location(known.artifact_repository if known is not None else None, "")
    for node in workflow.status.nodes.values():
        if node.outputs is None or (pods_only and node.type != POD):
            continue
        for artifact in node.outputs.artifacts:
            try:
                located = relocated(artifact, base)
            except SpecError:
                continue
            if not artifact.deleted:
                yield Stored(node, located)


def located_artifact(workflow: Workflow, node_id: str, side: str, name: str) -> Artifact:
    """An artifact of a node, with its whole location.

    Args:
        workflow: With its nodes.
        node_id: The node's.
        side: `inputs` or `outputs`.
        name: The artifact's.

    Raises:
        NotFound: There is none, or it was deleted.
        SpecError: Nothing says where it is.
    """
    node = workflow.status.nodes.get(node_id)
    if node is None:
        raise NotFound(f"workflow {workflow.metadata.name} has no node {node_id!r}")
    given = node.inputs if side == "inputs" else node.outputs
    found = next((one for one in given.artifacts if one.name == name), None) if given is not None else None
    if found is None:
        raise NotFound(f"node {node_id!r} has no artifact {name!r} in its {side}")
    if found.deleted:
        raise NotFound(f"artifact {name!r} of node {node_id!r} was deleted")
    known = workflow.status.artifact_repository_ref
    return relocated(found, repository_location(known.artifact_repository if known is not None else None, ""))


def archived_log(workflow: Workflow, pod: str, container: str) -> Stored | None:
    """The archived log of a container; None when there is none."""
    found = (one for one in stored_artifacts(workflow) if one.artifact.name == container + LOGS)
    return next((one for one in found if pod_name(workflow, one.node) == pod), None)

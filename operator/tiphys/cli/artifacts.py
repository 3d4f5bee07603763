"""Artifacts of a workflow as the command line reaches them: through the store itself, with the rights of who asks."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import NamedTuple

from tiphys.cluster.api import Api
from tiphys.cluster.secret_values import read_secrets
from tiphys.errors import SpecError
from tiphys.model.arguments import Artifact
from tiphys.model.phases import POD
from tiphys.model.places import secrets_of
from tiphys.model.status import NodeStatus
from tiphys.model.storage import relocated, repository_location
from tiphys.model.workflow import Workflow, pod_name
from tiphys.ports import ArtifactDriver

LOGS = "-logs"


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


def archived_log(workflow: Workflow, pod: str, container: str) -> Stored | None:
    """The archived log of a container; None when there is none."""
    found = (one for one in stored_artifacts(workflow) if one.artifact.name == container + LOGS)
    return next((one for one in found if pod_name(workflow, one.node) == pod), None)


async def open_artifact(api: Api, namespace: str, artifact: Artifact) -> ArtifactDriver:
    """The driver of an artifact's store, with credentials from the cluster's secrets.

    Raises:
        SpecError: A secret is missing, or the kind is not supported.
        Forbidden: The secrets may not be read.
    """
    # loaded when it is needed: the libraries of stores are large
    from tiphys.artifacts.drivers import open_driver

    secrets = await read_secrets(api, namespace, secrets_of(artifact))
    return await asyncio.to_thread(open_driver, artifact, secrets)


async def stored_lines(driver: ArtifactDriver, key: str) -> AsyncIterator[bytes]:
    """The lines of a stored file with their ends, in flat memory."""
    parts, left = await asyncio.to_thread(driver.stream, key), b""
    while (part := await asyncio.to_thread(next, parts, None)) is not None:
        *lines, left = (left + bytes(part)).split(b"\n")
        for line in lines:
            yield line + b"\n"
    if left:
        yield left

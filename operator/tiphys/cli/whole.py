"""Workflows with their nodes, wherever those are: in the object, compressed in it, or in the database; and edited there."""

from tiphys.archive.hydrating import Hydrator, repacked
from tiphys.cluster.api import Api
from tiphys.errors import NotFound
from tiphys.model.base import Json
from tiphys.model.packed import packing_of
from tiphys.model.parse import parse_workflow
from tiphys.model.workflow import Workflow


async def whole(api: Api, workflow: Workflow) -> Workflow:
    """The workflow with its nodes.

    Raises:
        NotFound: They were offloaded, and nothing says to which database.
    """
    packing = packing_of(workflow)
    if not packing:
        return workflow
    if not packing.version:
        return await Hydrator().workflow(workflow)
    # only who needs a database pays for one
    from tiphys.cli.kept import kept

    async with kept(api, workflow.metadata.namespace) as storage:
        return await Hydrator(storage.offload).workflow(workflow)


async def packed_patch(api: Api, stored: Workflow, new: Workflow, patch: Json) -> Json:
    """The patch of a workflow whose nodes are packed, packed as they were."""
    if not packing_of(stored).version:
        return await repacked(stored, new, patch)
    from tiphys.cli.kept import kept

    async with kept(api, stored.metadata.namespace) as storage:
        return await repacked(stored, new, patch, storage.offload)


async def or_archived(api: Api, namespace: str, name: str, missing: NotFound) -> Workflow:
    """The newest archived workflow of this name in place of a live one that is missing.

    Raises:
        NotFound: `missing`, where there is no archive or it has none.
    """
    from tiphys.cli.kept import kept

    try:
        async with kept(api, namespace) as storage:
            return parse_workflow(await storage.archive.read(namespace=namespace, name=name))
    except NotFound:
        raise missing from None

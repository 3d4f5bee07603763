"""Workflows with their nodes, wherever those are: in the object, compressed in it, or in the database; and edited there."""

import msgspec

from tiphys.cluster.api import Api
from tiphys.controller.hydrating import Hydrator
from tiphys.errors import NotFound
from tiphys.model.base import Json
from tiphys.model.compression import MAX_STATUS_BYTES, compress
from tiphys.model.packed import packing_of
from tiphys.model.parse import parse_workflow, to_json
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
    packing = packing_of(stored)
    if not packing or "nodes" not in patch.get("status", {}):
        return patch
    nodes = msgspec.json.encode(new.status.nodes)
    made: Json = {"nodes": None, "compressedNodes": None, "offloadNodeStatusVersion": None}
    if packing.version:
        from tiphys.cli.kept import kept

        meta = stored.metadata
        async with kept(api, meta.namespace) as storage:
            made["offloadNodeStatusVersion"] = await storage.offload.save(meta.uid, meta.namespace, nodes)
    else:
        made["compressedNodes"] = compress(nodes)
    return {**patch, "status": {**patch["status"], **made}}


def small_manifest(workflow: Workflow) -> Json:
    """The manifest of a workflow that is created with nodes: compressed where they are too many."""
    manifest = to_json(workflow)
    if len(msgspec.json.encode(manifest)) > MAX_STATUS_BYTES:
        status = {**manifest["status"], "compressedNodes": compress(msgspec.json.encode(workflow.status.nodes))}
        status.pop("nodes")
        manifest["status"] = status
    return manifest


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

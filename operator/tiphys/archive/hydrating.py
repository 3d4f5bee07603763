"""Nodes that are not in the object are put back into it: decompressed, or loaded from the database.

Nothing here blocks the loop: what is large is unpacked in a thread.

Source: argo-semantics 25.1, 25.2.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

from tiphys.errors import RefusedError
from tiphys.model.base import Json
from tiphys.model.compression import compress
from tiphys.model.packed import NO_OFFLOAD, Packing, decompressed, document_packing, document_with_nodes, packing_of, with_nodes
from tiphys.model.workflow import Workflow
from tiphys.ports import Offload


class Hydrator:
    """Unpacks workflows.

    Args:
        offload: Where nodes were offloaded; None where that is disabled.
    """

    def __init__(self, offload: Offload | None = None) -> None:
        self._offload = offload

    async def workflow(self, workflow: Workflow) -> Workflow:
        """The workflow with its nodes.

        Raises:
            SpecError: What was compressed is damaged.
            RefusedError: They were offloaded, and offloading is disabled.
            NotFound: They were offloaded, and the database has no such version.
            Unavailable: The database does not answer.
        """
        packing = packing_of(workflow)
        if not packing:
            return workflow
        nodes = await self._nodes(workflow.metadata.uid, packing)
        return await asyncio.to_thread(with_nodes, workflow, nodes)

    async def document(self, document: Mapping[str, Any]) -> Json:
        """A workflow's plain JSON with its nodes; raises as `workflow` does."""
        uid, packing = document_packing(document)
        if not packing:
            return dict(document)
        return await asyncio.to_thread(document_with_nodes, document, await self._nodes(uid, packing))

    async def _nodes(self, uid: str, packing: Packing) -> bytes:
        nodes = await asyncio.to_thread(decompressed, packing)
        if nodes is not None:
            return nodes
        if self._offload is None:
            raise RefusedError(NO_OFFLOAD, hint="set persistence.nodeStatusOffLoad")
        return await self._offload.load(uid, packing.version)


async def repacked(stored: Workflow, new: Workflow, patch: Json, offload: Offload | None = None) -> Json:
    """The patch of a stored workflow, its nodes packed as they were.

    Raises:
        RefusedError: They were offloaded, and offloading is disabled.
    """
    packing = packing_of(stored)
    if not packing or "nodes" not in patch.get("status", {}):
        return patch
    nodes = msgspec.json.encode(new.status.nodes)
    made: Json = {"nodes": None, "compressedNodes": None, "offloadNodeStatusVersion": None}
    if not packing.version:
        made["compressedNodes"] = await asyncio.to_thread(compress, nodes)
    elif offload is None:
        raise RefusedError(NO_OFFLOAD, hint="set persistence.nodeStatusOffLoad")
    else:
        made["offloadNodeStatusVersion"] = await offload.save(stored.metadata.uid, stored.metadata.namespace, nodes)
    return {**patch, "status": {**patch["status"], **made}}

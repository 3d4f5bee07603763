"""Workflows whose nodes are not in `status.nodes`: compressed into another field, or offloaded to a database. Pure.

Source: argo-semantics 25.1, 25.2.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from tiphys.errors import SpecError
from tiphys.model.base import UNREADABLE, Json, part_of
from tiphys.model.compression import MAX_STATUS_BYTES, compress, decompress
from tiphys.model.parse import parse_as, to_json
from tiphys.model.status import WorkflowStatus
from tiphys.model.workflow import Workflow

NO_OFFLOAD = "Workflow has offloaded nodes, but offloading has been disabled"


class Packing(msgspec.Struct, frozen=True):
    """Where the nodes of a stored workflow are; both empty for `status.nodes`.

    Attributes:
        compressed: `status.compressedNodes`.
        version: `status.offloadNodeStatusVersion`.
    """

    compressed: str = ""
    version: str = ""

    def __bool__(self) -> bool:
        return bool(self.compressed or self.version)


def packing_of(workflow: Workflow) -> Packing:
    """Where a workflow's nodes are."""
    return Packing(workflow.status.compressed_nodes, workflow.status.offload_node_status_version)


def with_nodes(workflow: Workflow, nodes: bytes) -> Workflow:
    """The workflow with the nodes that this JSON holds, and nothing that says they were elsewhere.

    Raises:
        SpecError: The JSON is no map of nodes.
    """
    read = parse_as(WorkflowStatus, b'{"nodes":' + nodes + b"}").nodes
    status = msgspec.structs.replace(workflow.status, nodes=read, compressed_nodes="", offload_node_status_version="")
    return msgspec.structs.replace(workflow, status=status)


def small_manifest(workflow: Workflow) -> Json:
    """The manifest of a workflow that is created with nodes: compressed where they are too many."""
    manifest = to_json(workflow)
    if len(msgspec.json.encode(manifest)) > MAX_STATUS_BYTES:
        status = {**manifest["status"], "compressedNodes": compress(msgspec.json.encode(workflow.status.nodes))}
        status.pop("nodes")
        manifest["status"] = status
    return manifest


def document_packing(document: Mapping[str, Any]) -> tuple[str, Packing]:
    """Uid, and where the nodes of a workflow's plain JSON are."""
    meta, said = part_of(document, "metadata"), part_of(document, "status")
    compressed, version = (str(said.get(name) or "") for name in ("compressedNodes", "offloadNodeStatusVersion"))
    return str(meta.get("uid", "")), Packing(compressed, version)


def document_with_nodes(document: Mapping[str, Any], nodes: bytes) -> Json:
    """A workflow's plain JSON with these nodes, and nothing that says they were elsewhere.

    Raises:
        SpecError: They are no map of nodes.
    """
    left = ("compressedNodes", "offloadNodeStatusVersion")
    try:
        read = msgspec.json.decode(nodes, type=dict[str, Any])
    except UNREADABLE as e:
        raise SpecError(f"nodes cannot be read: {e}", path="status.nodes") from e
    status = {key: value for key, value in part_of(document, "status").items() if key not in left}
    return {**document, "status": {**status, "nodes": read}}


def decompressed(packing: Packing) -> bytes | None:
    """The JSON of nodes where it is in the object itself; None where it was offloaded.

    Raises:
        SpecError: It is damaged.
    """
    return None if packing.version else decompress(packing.compressed)

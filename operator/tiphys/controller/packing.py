"""Statuses that are too large for the API server are written compressed, or their nodes to the database.

How large a workflow is is summed up from what is written, so that a small change costs little; only when the sum passes the
limit is it measured.

Source: argo-semantics 25.1, 25.2.
"""

import asyncio

import msgspec

from tiphys.controller.live import Live
from tiphys.errors import InvalidManifest, TiphysError
from tiphys.model.base import Json
from tiphys.model.compression import MAX_STATUS_BYTES, compress
from tiphys.model.packed import Packing
from tiphys.model.workflow import Workflow
from tiphys.ports import Offload
from tiphys.telemetry.archive import ArchiveMetrics


class PackingRules(msgspec.Struct, frozen=True, kw_only=True):
    """When and how nodes are packed.

    Attributes:
        limit_bytes: Of a workflow's JSON.
        always_offload: Whether nodes always go to the database.
        algorithm: gzip, zstd or brotli; `level` on its own scale.
    """

    limit_bytes: int = MAX_STATUS_BYTES
    always_offload: bool = False
    algorithm: str = "gzip"
    level: int | None = None


class TooLarge(InvalidManifest):
    """A workflow is too large even when it is packed; its message is the workflow's."""

    code = "too-large"


class Packer:
    """Makes of a patch of nodes one of packed nodes where that is necessary."""

    def __init__(self, metrics: ArchiveMetrics, offload: Offload | None = None, rules: PackingRules = PackingRules()) -> None:  # noqa: B008 immutable
        self._metrics, self._offload, self._rules = metrics, offload, rules

    async def pack(self, live: Live, patch: Json, whole: Workflow) -> tuple[Json, Packing]:
        """The patch as it is to be written, and where the nodes will be.

        Args:
            live: The workflow; its size is kept there.
            patch: What changed.
            whole: The workflow as it will be.

        Raises:
            TooLarge: It cannot be made small enough.
            Unavailable: It must be offloaded, and the database does not answer.
        """
        if "nodes" not in patch.get("status", {}):
            return patch, live.packing
        always = self._rules.always_offload and self._offload is not None
        live.size_bytes += len(msgspec.json.encode(patch)) if live.size_bytes else len(msgspec.json.encode(whole))
        if live.size_bytes <= self._rules.limit_bytes and not live.packing and not always:
            return patch, live.packing
        began = asyncio.get_running_loop().time()
        made = await self._pack(live, patch, whole, always=always)
        live.packing_s = asyncio.get_running_loop().time() - began
        return made

    async def _pack(self, live: Live, patch: Json, whole: Workflow, *, always: bool) -> tuple[Json, Packing]:
        live.size_bytes = len(msgspec.json.encode(whole))
        if live.size_bytes <= self._rules.limit_bytes and not always:
            if not live.packing:
                return patch, live.packing
            # what was packed is small again, as after a retry: all nodes are written
            return _with(patch, Packing(), msgspec.to_builtins(whole.status.nodes)), Packing()
        nodes = msgspec.json.encode(whole.status.nodes)
        if always:
            return await self._offloaded(live, patch, nodes)
        compressed = await asyncio.to_thread(compress, nodes, self._rules.algorithm, self._rules.level)
        size = live.size_bytes - len(nodes) + len(compressed)
        if size <= self._rules.limit_bytes:
            self._metrics.packed.labels("compressed").inc()
            return _with(patch, Packing(compressed=compressed), None), Packing(compressed=compressed)
        said = f"workflow is longer than maximum allowed size. compressed size {size} > maxSize {self._rules.limit_bytes}"
        if self._offload is None:
            raise TooLarge(said, hint="set persistence.nodeStatusOffLoad, so that nodes go to a database")
        try:
            return await self._offloaded(live, patch, nodes)
        except TiphysError as e:
            if e.retry == "backoff":
                raise
            raise TooLarge(f"{said}\nTried to offload but encountered error: {e.message}") from e

    async def _offloaded(self, live: Live, patch: Json, nodes: bytes) -> tuple[Json, Packing]:
        assert self._offload is not None  # noqa: S101 both callers looked
        packing = Packing(version=await self._offload.save(live.uid, live.namespace, nodes))
        self._metrics.packed.labels("offloaded").inc()
        return _with(patch, packing, None), packing


def _with(patch: Json, packing: Packing, nodes: Json | None) -> Json:
    """The patch with all nodes elsewhere, or all here; whatever was there before is removed."""
    status = {
        **patch["status"],
        "nodes": nodes,
        "compressedNodes": packing.compressed or None,
        "offloadNodeStatusVersion": packing.version or None,
    }
    return {**patch, "status": status}

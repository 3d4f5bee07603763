"""What the pods of a workflow have printed: which pods those are, and what was kept of it when a pod is gone."""

from collections import deque
from collections.abc import AsyncIterator, Callable

import msgspec

from tiphys.cluster.api import Api
from tiphys.model.names import LABEL_WORKFLOW
from tiphys.model.phases import PENDING, POD
from tiphys.model.places import key_of
from tiphys.model.stored import archived_log
from tiphys.model.workflow import Workflow, pod_name
from tiphys.server.stores import open_artifact, stored_lines

_MOST_BYTES = 2**22


async def pods_of(api: Api, workflow: Workflow, labels: str = "") -> list[str]:
    """Names of the pods that have begun, in order of that; with `labels`, of those that have them, which must still be there.

    With labels, too, of pods that are no nodes and yet labelled as the workflow's: those of what a resource template made.
    """
    nodes = [node for node in workflow.status.nodes.values() if node.type == POD]
    begun = [node for node in nodes if node.phase != PENDING]
    names = [pod_name(workflow, node) for node in sorted(begun, key=lambda node: str(node.started_at or ""))]
    if not labels:
        return names
    own = f"{LABEL_WORKFLOW}={workflow.metadata.name},{labels}"
    pages = api.list("Pod", workflow.metadata.namespace, labels=own, metadata_only=True)
    meant = {msgspec.json.decode(raw)["metadata"]["name"] async for page in pages for raw in page.items}
    others = meant - {pod_name(workflow, node) for node in nodes}
    return [*(name for name in names if name in meant), *sorted(others)]


async def kept_lines(
    api: Api, workflow: Workflow, pod: str, container: str, tail: int | None = None
) -> AsyncIterator[bytes] | None:  # fmt: skip
    """The lines of a container's archived log, the last so many of them; None where there is none.

    Raises:
        SpecError: The store cannot be opened.
        Forbidden: Its credentials may not be read.
    """
    log = archived_log(workflow, pod, container)
    if log is None:
        return None
    driver = await open_artifact(api, workflow.metadata.namespace, log.artifact)
    return last_lines(lambda: stored_lines(driver, key_of(log.artifact)), tail)


async def last_lines(read: Callable[[], AsyncIterator[bytes]], count: int | None) -> AsyncIterator[bytes]:
    """All lines, or the last so many; those that are too many to wait here are read twice."""
    kept: deque[bytes] = deque()
    size = seen = 0
    async for line in read():
        if count is None:
            yield line
            continue
        seen += 1
        kept.append(line)
        size += len(line)
        while len(kept) > count or size > _MOST_BYTES:
            size -= len(kept.popleft())
    if count is None or len(kept) == min(seen, count):
        for line in kept:
            yield line
        return
    number = 0
    async for line in read():
        number += 1
        if number > seen - count:
            yield line

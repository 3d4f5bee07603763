"""Results that Argo's executor wrote: read for pods that Argo's controller made before Tiphys took its workflows over.

Source: argo-semantics 1.4, 5.6.
"""

import asyncio
import logging
from typing import TYPE_CHECKING

import msgspec

from tiphys.controller.backoff import Backoff
from tiphys.errors import NotFound, OutsideError, SpecError, TiphysError
from tiphys.model.arguments import Outputs
from tiphys.model.base import ObjectMeta
from tiphys.model.parse import parse_as
from tiphys.model.report import NodeReport
from tiphys.model.staging import ANNOTATION_STAGING
from tiphys.pods.failure import WAIT
from tiphys.pods.view import PodView, node_id, owner_uid

if TYPE_CHECKING:
    from tiphys.controller.controller import Controller

log = logging.getLogger(__name__)
KIND = "WorkflowTaskResult"
_COMPLETED = "workflows.argoproj.io/report-outputs-completed"
_PATIENCE = 10


class _TaskResult(msgspec.Struct, frozen=True):
    metadata: ObjectMeta = ObjectMeta()
    outputs: Outputs = Outputs()


class TaskResults:
    """Reads them once for each pod, and deletes them with the workflow's end."""

    def __init__(self, controller: "Controller") -> None:
        self._controller = controller
        self._seen: dict[str, set[str]] = {}

    @staticmethod
    def is_wanted(pod: PodView) -> bool:
        """Whether Argo's executor runs in the pod: a container `wait` that was given no plan of ours."""
        has_wait = any(status.name == WAIT for status in pod.status.container_statuses)
        return has_wait and ANNOTATION_STAGING not in pod.metadata.annotations

    async def complete(self, key: str, pod: PodView, report: NodeReport) -> NodeReport:
        """The report with what the executor wrote; as it is when it wrote nothing."""
        namespace, node = key.partition("/")[0], node_id(pod)
        self._seen.setdefault(owner_uid(pod), set()).add(node)
        found = await self._read(namespace, node)
        if found is None:
            return report
        outputs = found.outputs
        return msgspec.structs.replace(
            report,
            result=outputs.result if outputs.result is not None else report.result,
            parameters={p.name: p.value for p in outputs.parameters if p.value is not None} | report.parameters,
            missing=(),
            is_staged=True,
            unsaved=(),
        )

    async def _read(self, namespace: str, name: str) -> _TaskResult | None:
        """The result once its writer says that it is whole, or after some patience; None when there is none."""
        backoff, found = Backoff(), None
        for _ in range(_PATIENCE):
            try:
                found = parse_as(_TaskResult, await self._controller.objects.read(KIND, namespace, name))
            except NotFound:
                return None
            except OutsideError as e:
                await backoff.wait(e)
                continue
            except (SpecError, TiphysError) as e:
                log.warning("result %s/%s cannot be read: %s", namespace, name, e.message)
                return None
            if found.metadata.labels.get(_COMPLETED, "true") == "true":
                return found
            await asyncio.sleep(1.0)
        return found

    def ended(self, namespace: str, uid: str) -> None:
        """A workflow has ended: its results go."""
        for name in self._seen.pop(uid, ()):
            self._controller.effects.spawn(self._delete(namespace, name))

    async def _delete(self, namespace: str, name: str) -> None:
        try:
            await self._controller.objects.delete(KIND, namespace, name)
        except TiphysError as e:
            log.warning("result %s/%s stays until its workflow goes: %s", namespace, name, e.message)

"""A container set: a pod's node, and one below it for each of its containers, wired by what they depend on.

Source: argo-semantics 3.2, 3.5, 5.3, 5.4, 13.3, 18.1.
"""

from typing import Any

from tiphys.engine.pod import PodExecution
from tiphys.model import names
from tiphys.model.phases import CONTAINER, ERROR, FAILED, FULFILLED, PENDING, RUNNING, SUCCEEDED
from tiphys.model.report import NodeReport
from tiphys.model.status import NodeStatus

DELETED = "pod deleted"
_CUT_OFF = "Pod Failed whilst container running"


class ContainerSetExecution(PodExecution):
    """One attempt at a container set."""

    def resume(self, node: NodeStatus) -> None:
        """Take up a stored node and those of its containers."""
        for name in self._names():
            known = self._node(name)
            if known is not None:
                self.run.tree.adopt(known, self.call.container)
        super().resume(node)

    def opened(self) -> None:
        """Make a node for each container."""
        for name, after in self._names().items():
            if self._node(name) is None:
                self._add(name, after)

    def _names(self) -> dict[str, list[str]]:
        """Container -> those it depends on."""
        written = self.call.found.template.container_set
        containers = written.containers if written is not None else ()
        return {str(one.get("name", "")): [str(other) for other in one.get("dependencies") or ()] for one in containers}

    def _node(self, name: str) -> NodeStatus | None:
        return self.run.tree.find(f"{self.call.name}.{name}")

    def _add(self, name: str, after: list[str]) -> None:
        tree, call = self.run.tree, self.call
        full = f"{call.name}.{name}"
        node = NodeStatus(
            id=tree.id_of(full),
            name=full,
            display_name=names.display_name(full, call.name),
            type=CONTAINER,
            template_name="" if call.found.ref else call.found.name,
            template_ref=call.found.ref,
            template_scope=call.found.scope,
            phase=PENDING,
            boundary_id=self.node_id,
            started_at=self.run.stamp,
        )
        tree.add(node, call.container)
        for parent in [tree.id_of(f"{call.name}.{other}") for other in after] or [self.node_id]:
            tree.attach(parent, node.id)

    def report(self, report: NodeReport) -> None:
        """Take what the pod reports of itself and of its containers."""
        if self.node.phase not in FULFILLED:
            for name, one in report.containers.items():
                self._follow(name, one)
        super().report(report)

    def _follow(self, name: str, report: NodeReport) -> None:
        node = self._node(name)
        if node is None or node.phase in FULFILLED or (node.phase == RUNNING and report.phase == PENDING):
            return
        fields: dict[str, Any] = {"phase": report.phase, "message": report.message}
        if report.finished_at is not None:
            fields["finished_at"] = report.finished_at
        self.run.tree.change(node.id, self.run.stamp, **fields)

    def finish(self, phase: str, message: str, **fields: Any) -> None:
        """End the node and what is left of its containers."""
        for name in self._names():
            node = self._node(name)
            if node is not None and node.phase not in FULFILLED:
                end, says = self._rest(phase, message, is_reported=bool(fields))
                self.run.tree.change(node.id, self.run.stamp, phase=end, message=says)
        super().finish(phase, message, **fields)

    @staticmethod
    def _rest(phase: str, message: str, *, is_reported: bool) -> tuple[str, str]:
        """How a container ends that nothing is known of: a pod that is stopped or lost takes it along."""
        if phase == SUCCEEDED:
            return SUCCEEDED, ""
        if message == DELETED:
            return ERROR, "container deleted"
        return FAILED, _CUT_OFF if is_reported else message

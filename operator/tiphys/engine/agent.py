"""A node that an agent does: an HTTP request, or what a plugin makes of a template.

Source: argo-semantics 13.3, 18.4.
"""

from typing import Any

import msgspec

from tiphys.engine.actions import CollectNode
from tiphys.engine.outputs import leaf_outputs
from tiphys.engine.pod import PodExecution
from tiphys.engine.templates import kind_of
from tiphys.model.arguments import Outputs
from tiphys.model.phases import FULFILLED, HTTP, PLUGIN
from tiphys.model.report import NodeReport


class AgentExecution(PodExecution):
    """One attempt at an http or plugin template."""

    is_pod = False

    @property
    def node_type(self) -> str:
        """The type of the node."""
        return HTTP if kind_of(self.call.found.template) == "http" else PLUGIN

    @property
    def pod_name(self) -> str:
        """It has no pod of its own."""
        return ""

    def stop(self, _message: str) -> None:
        """End the node now because the workflow is being stopped."""
        super().stop(self.run.shutdown.waiting_message)

    def gone(self) -> None:
        """Another agent takes the task up."""
        if self.node.phase not in FULFILLED:
            self.order()

    def resume_unseen(self) -> None:
        """An agent may be at work; ordering a task twice does it once."""
        self.order()

    def outputs_of(self, report: NodeReport) -> Outputs | None:
        """What the agent gave: a plugin's own outputs, or the body of a response."""
        declared = leaf_outputs(self.prepared.template, report)
        given = report.outputs
        if given is None:
            return declared
        shared = {parameter.name: parameter.global_name for parameter in self.prepared.template.outputs.parameters}
        parameters = tuple(
            msgspec.structs.replace(one, global_name=one.global_name or shared.get(one.name, "")) for one in given.parameters
        )
        return msgspec.structs.replace(given, parameters=parameters)

    def finish(self, phase: str, message: str, **fields: Any) -> None:
        """End the node; its task may go once that is stored."""
        super().finish(phase, message, **fields)
        self.run.act(CollectNode(self.node_id, self.pod_name, 0.0, phase))

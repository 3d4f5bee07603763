"""A node that waits for somebody, or for a time.

Source: argo-semantics 13.1, 18.3.
"""

import msgspec

from tiphys.engine.execution import Execution
from tiphys.errors import SpecError
from tiphys.model.arguments import Inputs, Outputs, Parameter
from tiphys.model.durations import parse_duration
from tiphys.model.phases import FAILED, FULFILLED, RUNNING, SUCCEEDED, SUSPEND
from tiphys.model.status import NodeStatus


class SuspendExecution(Execution):
    """One suspend template."""

    def start(self) -> None:
        """Create the node; it waits from now on."""
        prepared = self.prepare()
        outputs = _awaited(prepared.template.outputs, prepared.inputs)
        self.create(SUSPEND, RUNNING, inputs=prepared.inputs, outputs=outputs)
        self.run.suspended[self.node_id] = self
        refusal = self.run.shutdown.refusal(self.call)
        if refusal:
            self.stop(refusal)
        else:
            self._wait()

    def resume(self, node: NodeStatus) -> None:
        """Go on waiting, or see that somebody has ended the wait."""
        if node.phase in FULFILLED:
            self.run.publish(node.outputs)
            self.tell()
        else:
            self.run.suspended[self.node_id] = self
            self._wait()

    def _wait(self) -> None:
        suspend = self.call.found.template.suspend
        text = self.prepare().template.suspend.duration if suspend and suspend.duration else ""  # type: ignore[union-attr]
        if text:
            self.run.wake_at((self.node.started_at or self.run.now) + parse_duration(text), self)

    def woke(self) -> None:
        """The duration is over: outputs that nobody supplied take their defaults."""
        node = self.node
        if node.phase in FULFILLED:
            return
        try:
            outputs = supplied(node.outputs)
        except SpecError as e:
            self._end(FAILED, e.message, node.outputs)
            return
        self.run.publish(outputs)
        self._end(SUCCEEDED, node.message, outputs)

    def _end(self, phase: str, message: str, outputs: Outputs | None) -> None:
        self.run.suspended.pop(self.node_id, None)
        self.end(phase, message, outputs=outputs)

    def halt(self, message: str) -> None:
        """End the wait, since what is around it ends."""
        self.stop(message)

    def stop(self, message: str) -> None:
        """End the wait because the workflow is being stopped."""
        if self.node.phase not in FULFILLED:
            self._end(FAILED, message, self.node.outputs)


def _awaited(declared: Outputs, inputs: Inputs) -> Outputs | None:
    """The outputs that somebody is to supply; a default is taken from the input of the same name where none is written."""
    defaults = {parameter.name: parameter.default for parameter in inputs.parameters}
    awaited = tuple(_with_default(parameter, defaults.get(parameter.name)) for parameter in declared.parameters)
    return Outputs(parameters=awaited) if awaited else None


def _with_default(parameter: Parameter, default: str | None) -> Parameter:
    source = parameter.value_from
    if source is None or source.supplied is None or source.default is not None or default is None:
        return parameter
    return msgspec.structs.replace(parameter, value_from=msgspec.structs.replace(source, default=default))


def supplied(outputs: Outputs | None) -> Outputs | None:
    """The outputs with defaults for what nobody supplied.

    Raises:
        SpecError: One has neither a value nor a default.
    """
    if outputs is None:
        return None
    return msgspec.structs.replace(outputs, parameters=tuple(map(_filled, outputs.parameters)))


def _filled(parameter: Parameter) -> Parameter:
    if parameter.value is not None:
        return parameter
    default = parameter.value_from.default if parameter.value_from else None
    if default is None:
        raise SpecError(f"raw output parameter '{parameter.name}' has not been set and does not have a default value")
    return msgspec.structs.replace(parameter, value=default, value_from=None)

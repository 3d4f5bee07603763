"""A template with a retry strategy: a Retry node, and an attempt after another below it.

Source: argo-semantics 11.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from tiphys.engine.calls import Call
from tiphys.engine.execution import Execution
from tiphys.engine.inputs import prepare_body, substituted
from tiphys.engine.retry_policy import Decision, decide, max_deadline
from tiphys.engine.variables import retry_values
from tiphys.errors import UserError
from tiphys.model.phases import ERROR, FAILED, FULFILLED, POD, RETRY, RUNNING, SUCCEEDED, is_unsuccessful
from tiphys.model.status import NodeStatus
from tiphys.model.template import RetryStrategy


class RetryExecution(Execution):
    """All attempts at one call."""

    is_retry = True
    _strategy: RetryStrategy | None = None
    _attempt: Execution | None = None

    def start(self) -> None:
        """Create the Retry node and its first attempt."""
        prepared = self.prepare()
        self.create(RETRY, RUNNING, inputs=prepared.inputs)
        self._start_attempt(0, None)

    def resume(self, node: NodeStatus) -> None:
        """Go on with the last attempt."""
        attempts = self.run.tree.attempts(node)
        for attempt in attempts:
            self.run.tree.adopt(attempt, self.node_id)
        if node.phase in FULFILLED:
            self.tell()
        elif attempts:
            self._start_attempt(len(attempts) - 1, attempts[-2] if len(attempts) > 1 else None)
        else:
            self._start_attempt(0, None)

    @property
    def strategy(self) -> RetryStrategy:
        """The strategy, substituted with the inputs."""
        if self._strategy is None:
            call, template = self.call, self.call.found.template
            written = template.retry_strategy or self.run.spec.retry_strategy or RetryStrategy()
            local = dict(call.local) | {"node.name": call.name}
            prepared = prepare_body(template, call.arguments, self.run.scope, local, self.run.now)
            self._strategy = substituted(written, prepared.scope, self.run.now)
        return self._strategy

    def _start_attempt(self, number: int, last: NodeStatus | None) -> None:
        call = self.call
        attempts = self.run.tree.attempts(self.node) if self.node_or_none else []
        avoids = self.strategy.affinity is not None and self.strategy.affinity.node_anti_affinity is not None
        until = max_deadline(self.strategy.backoff, attempts[0]) if attempts else None
        attempt = msgspec.structs.replace(
            call,
            name=f"{call.name}({number})",
            container=self.node_id,
            attach_to=(self.node_id,),
            local={**call.local, **retry_values(number, last, self.run.now)},
            is_attempt=True,
            depth=call.depth + 1,
            avoid_hosts=self._failed_hosts(attempts) if avoids else call.avoid_hosts,
            deadline=min((at for at in (until, call.deadline) if at is not None), default=None),
        )
        self._attempt = self.run.start_call(attempt, self)

    def _failed_hosts(self, attempts: list[NodeStatus]) -> tuple[str, ...]:
        """The hosts of failed pods: attempts, or what is inside of them. Source: argo-semantics 11.5."""
        if any(attempt.type == POD for attempt in attempts):
            failed = [attempt for attempt in attempts if is_unsuccessful(attempt)]
        else:
            inside = tuple(f"{attempt.name}{mark}" for attempt in attempts for mark in (".", "["))
            failed = [node for node in self.run.tree if is_unsuccessful(node) and node.name.startswith(inside)] if inside else []
        return tuple(dict.fromkeys(node.host_node_name for node in failed if node.host_node_name))

    def child_finished(self, child: Execution) -> None:
        """An attempt has ended: succeed, fail, wait or try again."""
        attempt = child.node
        if self.node.phase in FULFILLED:
            return
        if attempt.daemoned:
            self.change(phase=RUNNING, daemoned=True, pod_ip=attempt.pod_ip)
            self.tell()
        elif not is_unsuccessful(attempt):
            self._stop(SUCCEEDED, "", attempt)
        else:
            self._decide()

    def child_changed(self, _child: Execution) -> None:
        """An attempt is under way: whoever called wants to know."""
        self.run.soon(self.parent.child_changed, self)

    def woke(self) -> None:
        """A back-off may be over."""
        if self.node.phase not in FULFILLED and self._attempt is not None and self._attempt.node.phase in FULFILLED:
            self._decide()

    def _decision(self, attempts: Sequence[NodeStatus]) -> Decision:
        transient = self.run.premises.transient_error_pattern
        return decide(self.strategy, attempts[0], attempts[-1], len(attempts), self.run.now, transient)

    def _decide(self) -> None:
        attempts = self.run.tree.attempts(self.node)
        last = attempts[-1]
        stopped = self.run.shutdown.retry_refusal(self.call)
        if stopped:
            self._stop(last.phase, stopped, last)
            return
        try:
            decision = self._decision(attempts)
        except UserError as e:
            self._stop(ERROR, e.message, last)
            return
        if decision.wait_until is not None:
            self.change(message=decision.message)
            self.run.wake_at(decision.wait_until, self)
        elif decision.phase:
            self._stop(decision.phase, decision.message, last)
        else:
            self.change(message="")
            self._start_attempt(len(attempts), last)

    def _stop(self, phase: str, message: str, last: NodeStatus) -> None:
        fields: dict[str, Any] = {"outputs": last.outputs} if last.outputs is not None else {}
        self.remember(
            phase, last.outputs, lambda ended, error: self.end(ended, error or message, daemoned=None, **fields)
        )

    def stop(self, message: str) -> None:
        """End a wait between attempts because the workflow is being stopped."""
        waits = self._attempt is not None and self._attempt.node_or_none is not None and self._attempt.node.phase in FULFILLED
        if waits and self.node.phase not in FULFILLED:
            self.end(FAILED, message)

    def release(self) -> None:
        """End a daemon whose body has ended."""
        if self._attempt is not None:
            self._attempt.release()
        if self.node.phase not in FULFILLED:
            self.end(SUCCEEDED, "", daemoned=None)


def is_retried(call: Call, fallback: RetryStrategy | None) -> bool:
    """Whether a call is one whose attempts are counted, and not an attempt itself."""
    return not call.is_attempt and (call.found.template.retry_strategy or fallback) is not None

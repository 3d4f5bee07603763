"""A node that a runner runs: ordered, followed by reports, ended.

Source: argo-semantics 3.7, 5, 12.3, 13.
"""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from tiphys.engine.actions import CollectNode, RestartCounted, StartNode, StopNode
from tiphys.engine.artifacts import Placed, log_artifacts, place
from tiphys.engine.entrance import TIMEOUT
from tiphys.engine.execution import Execution
from tiphys.engine.inputs import Prepared
from tiphys.engine.outputs import check_missing, leaf_outputs
from tiphys.engine.pod_gc import is_collected
from tiphys.errors import SpecError
from tiphys.expr.template import substitute
from tiphys.model.arguments import Outputs
from tiphys.model.durations import parse_duration
from tiphys.model.order import NodeOrder
from tiphys.model.phases import ERROR, FAILED, FULFILLED, PENDING, POD, RUNNING, SUCCEEDED
from tiphys.model.report import NodeReport
from tiphys.model.spec import WorkflowSpec
from tiphys.model.status import NodeStatus
from tiphys.model.template import Template

_LEAST_TIME = timedelta(seconds=1)


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return one if other is None else other if one is None else min(one, other)


class PodExecution(Execution):
    """One attempt at a container, script or resource template."""

    is_pod = True
    _prepared: Prepared | None = None
    _restarting = ""
    _placed: Placed | None = None

    @property
    def node_type(self) -> str:
        """The type of the node."""
        return POD

    def prepare(self) -> Prepared:
        """As every template, and its artifacts get their places."""
        prepared = super().prepare()
        node, run = self.node_or_none, self.run
        now = (node.started_at if node is not None else None) or run.stamp
        self._placed = place(
            prepared.template, run.repository, prepared.scope, archive_logs=run.spec.archive_logs, now=now
        )
        if self._placed.template is prepared.template:
            return prepared
        return msgspec.structs.replace(prepared, template=self._placed.template)

    @property
    def placed(self) -> Placed:
        """Where the artifacts and logs of the node go."""
        if self._placed is None:
            self.prepare()
        assert self._placed is not None  # noqa: S101 preparing places them
        return self._placed

    def start(self) -> None:
        """Create the node and order its runner, unless the workflow is being stopped."""
        self._prepared = prepared = self.prepare()
        self.create(self.node_type, PENDING, inputs=prepared.inputs)
        self._count_start()
        self.run.leaves[self.node_id] = self
        self.opened()
        refusal = self.run.shutdown.refusal(self.call)
        if refusal:
            self.finish(FAILED, refusal)
        else:
            self.order()

    def resume(self, node: NodeStatus) -> None:
        """Take up a stored node: by its runner's last report, by ordering again, or as lost."""
        if node.phase in FULFILLED:
            self.tell()
            return
        self._count_start()
        self.run.leaves[self.node_id] = self
        self.opened()
        report = self.run.reports.get(self.node_id)
        if node.daemoned:
            self.tell()
        if report is not None:
            self.report(report)
            if self.node.phase == PENDING:
                self._watch_times(self.prepared.template)
        elif node.phase == PENDING:
            refusal = self.run.shutdown.refusal(self.call)
            if refusal:
                self.finish(FAILED, refusal)
                return
            self.woke()
            if self.node.phase == PENDING:
                self.order()
        else:
            self.resume_unseen()

    def resume_unseen(self) -> None:
        """A stored node that was started, and of whose runner nothing is known."""
        self.gone()

    def _count_start(self) -> None:
        if self.is_pod:
            self.run.limits.count_start(self.call.boundary_id, is_pod=True)

    def opened(self) -> None:
        """The node is there and its runner is followed: the place to make nodes below it."""

    @property
    def prepared(self) -> Prepared:
        """The template as it was ordered."""
        if self._prepared is None:
            self._prepared = self.prepare()
        return self._prepared

    def order(self) -> None:
        """Ask for the runner; asking twice starts one."""
        call, template = self.call, self.prepared.template
        timeout = self._timeout(template.timeout) if template.timeout else None
        if timeout is not None and timeout - self.run.now <= _LEAST_TIME:
            self.finish(ERROR, f"{call.name} exceeded its deadline")
            return
        order = NodeOrder(
            node_id=self.node_id,
            node_name=call.name,
            pod_name=self.pod_name,
            template=self._scheduled(template),
            template_name=call.found.ref.template if call.found.ref else call.found.name,
            wants_result=call.wants_result or template.data is not None,
            deadline=_earlier(self.run.shutdown.deadline_of(call), call.deadline),
            timeout=timeout,
            is_exit_handler=call.is_exit,
            avoid_hosts=call.avoid_hosts,
            repository=self.placed.repository,
            log_artifacts=log_artifacts(self.placed),
            may_lack_logs=self.placed.may_lack_logs,
            spec=self._spec(),
        )
        self.run.act(StartNode(order))
        if template.timeout or template.pending_timeout:
            self._watch_times(template)

    def _spec(self) -> WorkflowSpec | None:
        """What the workflow says of its pods with this one's name and inputs. Source: argo-semantics 4.6."""
        spec = self.run.lifecycle.pod_spec
        return None if spec is None else substitute(spec, self.prepared.scope, strict=False, now=self.node.started_at)

    def _watch_times(self, template: Template) -> None:
        for text in (template.timeout, template.pending_timeout):
            if text:
                self.run.wake_at(self._timeout(text), self)

    def _scheduled(self, template: Template) -> Template:
        """The template with what the steps or dag template around it says about nodes. Source: argo-semantics 4.6."""
        around = self.run.limits.template_of(self.call.boundary_id)
        if around is None or not (around.node_selector or around.affinity or around.tolerations):
            return template
        said = {key: getattr(around, key) for key in ("node_selector", "affinity", "tolerations") if not getattr(template, key)}
        ours = {key: value for key, value in said.items() if value}
        if not ours:
            return template
        ready = substitute(ours, self.prepared.scope, strict=False, now=self.run.now)
        return msgspec.structs.replace(template, **ready)

    def _timeout(self, text: str) -> datetime:
        return (self.node.started_at or self.run.now) + parse_duration(text)

    def woke(self) -> None:
        """A time-out of a node that is still Pending."""
        if self.node.phase != PENDING:
            return
        template = self.prepared.template
        due = [self._timeout(text) for text in (template.timeout, template.pending_timeout) if text]
        if due and min(due) <= self.run.now:
            self.run.act(StopNode(self.node_id, self.pod_name, 0))
            self.finish(FAILED, TIMEOUT)

    def report(self, report: NodeReport) -> None:
        """Take what the runner reports."""
        node = self.node
        if node.phase in FULFILLED or self.run.memos.is_saving(self.node_id):
            return
        self.run.reports[self.node_id] = report
        if report.phase in FULFILLED:
            if report.is_final and not self._starts_again(report):
                self._final(report)
            return
        if node.phase == RUNNING and report.phase == PENDING:
            return
        fields: dict[str, Any] = {"phase": report.phase, "message": report.message, "host_node_name": report.host_node_name}
        if report.progress:
            fields["progress"] = report.progress
        if self.call.found.template.daemon:
            if not report.ready:
                fields = {} if node.daemoned else {"message": report.message, "host_node_name": report.host_node_name}
            else:
                fields |= {"phase": RUNNING, "daemoned": True, "pod_ip": report.pod_ip}
        self.change(**fields)
        if self.node.daemoned:
            self.run.limits.note_daemon(self.call.boundary_id)
            self.tell()
        self.run.soon(self.parent.child_changed, self)

    def _starts_again(self, report: NodeReport) -> bool:
        """Whether the runner is made again, since the cluster ended it before the program began. Source: argo-semantics 5.7."""
        node = self.node
        is_known = bool(report.uid) and report.uid == node.restarting_pod_uid
        restarts = node.failed_pod_restarts or 0
        if not is_known:
            if not report.restart_reason or node.phase != PENDING or restarts >= self.run.premises.failed_pod_restarts:
                return False
            self.run.act(RestartCounted(report.restart_reason))
            self.change(
                message=f"Pod auto-restarting due to {report.restart_reason}",
                failed_pod_restarts=restarts + 1,
                restarting_pod_uid=report.uid,
            )
        if self._restarting != report.uid:
            # once it is gone, the node is ordered again
            self._restarting = report.uid
            self.run.act(StopNode(self.node_id, self.pod_name, uid=report.uid))
        return True

    def _final(self, report: NodeReport) -> None:
        template = self.prepared.template
        phase, message = report.phase, report.message
        if phase == SUCCEEDED and template.daemon:
            phase = FAILED
        try:
            if phase == SUCCEEDED and report.missing:
                check_missing(report)
        except SpecError as e:
            phase, message = ERROR, e.message
        outputs = self.outputs_of(report)
        if self.memo is None:
            self._end_as(phase, message, outputs, report)
            return
        self.remember(phase, outputs, lambda ended, error: self._end_as(ended, error or message, outputs, report))

    def outputs_of(self, report: NodeReport) -> Outputs | None:
        """What the node gives back."""
        return leaf_outputs(self.prepared.template, report, self.placed)

    def _end_as(self, phase: str, message: str, outputs: Outputs | None, report: NodeReport) -> None:
        self.run.publish(outputs)
        self.finish(
            phase,
            message,
            host_node_name=report.host_node_name,
            outputs=outputs,
            finished_at=report.finished_at,
            resources_duration=report.resources_duration,
            progress=report.progress or self.node.progress,
        )

    def finish(self, phase: str, message: str, **fields: Any) -> None:
        """End the node; its runner's remains are collected as the workflow's podGC says."""
        del self.run.leaves[self.node_id]
        self.run.reports.pop(self.node_id, None)
        if self.is_pod:
            self.run.limits.count_end(self.call.boundary_id, is_pod=True)
        fields["daemoned"] = None
        self.end(phase, message, **fields)
        if self.is_pod and self.run.pod_gc and is_collected(self.run.pod_gc, phase):
            self.run.act(CollectNode(self.node_id, self.pod_name, self.run.pod_gc_delay, phase))

    def gone(self) -> None:
        """The runner vanished."""
        node = self.node
        if node.phase == PENDING:
            self.order()
        elif node.phase not in FULFILLED and self.run.shutdown.ends(self.call):
            # we ended it ourselves, and did not live to write that
            self.finish(FAILED, self.run.shutdown.leaf_message, **self._left())
        elif node.phase not in FULFILLED:
            self.finish(ERROR, "pod deleted")

    def refuse(self, message: str, *, is_error: bool) -> None:
        """The runner could not be started and never will."""
        if self.node.phase not in FULFILLED:
            self.finish(ERROR if is_error else FAILED, message)

    def delay(self, message: str) -> None:
        """The runner could not be started yet."""
        if self.node.phase == PENDING:
            self.change(message=message)

    def stop(self, message: str) -> None:
        """End the node now because the workflow is being stopped."""
        if self.node.phase in FULFILLED:
            return
        self.run.act(StopNode(self.node_id, self.pod_name))
        self.finish(FAILED, message, **self._left())

    def release(self) -> None:
        """End a daemon whose body has ended."""
        if self.node.phase not in FULFILLED:
            self.run.act(StopNode(self.node_id, self.pod_name))
            self.finish(SUCCEEDED, "", **self._left())

    def _left(self) -> dict[str, Any]:
        """What a runner that was told to end leaves: its logs, which its executor stores before it goes.

        Differs from Argo: they are recorded before the executor has reported.
        """
        logs = log_artifacts(self.placed) if self.node.phase == RUNNING else ()
        return {"outputs": Outputs(artifacts=logs)} if logs else {}

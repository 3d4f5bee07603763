"""The life of a workflow: its entry point, its exit handler, its phases, and what comes after its end.

Source: argo-semantics 2, 12.1.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from tiphys.engine.actions import CollectNode, WorkflowChanged
from tiphys.engine.artifact_gc import FINALIZER, is_wanted
from tiphys.engine.calls import Call
from tiphys.engine.companions import protect, release
from tiphys.engine.config_values import Awaited
from tiphys.engine.effective import effective_spec
from tiphys.engine.estimates import Estimate
from tiphys.engine.execution import Execution
from tiphys.engine.inputs import global_arguments
from tiphys.engine.labelling import origin, own_metadata
from tiphys.engine.locks import locks_of
from tiphys.engine.pod_gc import AT_THE_END, is_collected
from tiphys.engine.policies import judge_workflow
from tiphys.engine.references import check_references, lookup_in
from tiphys.engine.templates import Templates
from tiphys.engine.validate import check_workflow
from tiphys.engine.workflow_hooks import EXIT, WorkflowHooks
from tiphys.engine.workflow_scope import live_variable, read_arguments, workflow_scope
from tiphys.errors import SpecError, UserError
from tiphys.expr.template import substitute, tags
from tiphys.model import names
from tiphys.model.arguments import Arguments
from tiphys.model.locations import ArtifactRepositoryRefStatus
from tiphys.model.phases import (
    COMPLETED,
    ERROR,
    FAILED,
    FULFILLED,
    OMITTED,
    PENDING,
    POD,
    RUNNING,
    SKIPPED,
    SUCCEEDED,
    is_own_error,
    is_unsuccessful,
)
from tiphys.model.spec import WorkflowSpec
from tiphys.model.status import Condition, NodeStatus
from tiphys.model.template import LifecycleHook
from tiphys.model.workflow import Workflow

if TYPE_CHECKING:
    from tiphys.engine.run import Run

_EXIT = ".onExit"
_HELD = "Workflow processing has been postponed because too many workflows are already running"


class Lifecycle:
    """Begins a workflow and ends it; the parent of the entry point and of the exit handler.

    Attributes:
        pod_spec: What the spec says of pods, as it is written, where it reads what differs from pod to pod; else None.
    """

    def __init__(self, run: "Run") -> None:
        self._run = run
        self._entry: Execution | None = None
        self._exit: Execution | None = None
        self.hooks = WorkflowHooks(run, self)
        self._again: Callable[[], None] = self.restore
        self._written = run.workflow.spec
        self.pod_spec: WorkflowSpec | None = None

    @property
    def entry(self) -> NodeStatus | None:
        """The node of the entry point, once it exists."""
        return self._entry.node_or_none if self._entry else None

    @property
    def is_leaving(self) -> bool:
        """Whether the exit handler has started."""
        return self._exit is not None

    def restore(self, repository: ArtifactRepositoryRefStatus | None = None, repository_error: str = "") -> None:
        """Begin, or go on with what is stored."""
        run = self._run
        self._again = lambda: self.restore(repository, repository_error)
        if run.is_finished or self._is_held() or not self._take_spec():
            return
        if run.status.artifact_repository_ref is None and repository is not None:
            run.status = msgspec.structs.replace(run.status, artifact_repository_ref=repository)
        is_new = run.status.phase in ("", PENDING)
        if is_new and not self._begin():
            return
        if repository_error:
            self.set_phase(ERROR, f"failed to resolve artifact repository: {repository_error}")
            return
        if not is_new and not self._take_variables():
            return
        run.locks.prune()
        if self._has_locks():
            self._go_on()

    def _has_locks(self) -> bool:
        """Whether the workflow holds its own locks; otherwise it waits for them."""
        run = self._run
        holder = run.locks.holder()
        try:
            locks = locks_of(run.spec.synchronization, run.locks.namespace)
        except SpecError as e:
            self.lock_refused(e.message)
            return False
        if not locks or run.locks.holds(holder):
            return True
        if run.shutdown.strategy:
            self.stop_waiting(run.shutdown.waiting_message)
            return False
        if run.status.phase != PENDING:
            self.set_phase(PENDING, "")
        run.locks.ask(holder, locks, self)
        return False

    def lock_waits(self, _key: str, message: str) -> None:
        """Show what the workflow waits for."""
        self._run.status = msgspec.structs.replace(self._run.status, message=message)

    def lock_stored(self) -> None:
        """The workflow has its locks."""
        self._go_on()

    def lock_refused(self, message: str) -> None:
        """The workflow will never have its locks."""
        self.set_phase(FAILED, f"Failed to acquire the synchronization lock. {message}")

    def stop_waiting(self, message: str) -> None:
        """The workflow is stopped before it began."""
        self.set_phase(FAILED, message)

    def _go_on(self) -> None:
        if self._run.status.phase in ("", PENDING):
            self.set_phase(RUNNING, "")
        self._apply_limits()
        protect(self._run)
        self._run.metrics.workflow_started()
        self.start_entry()

    def _is_held(self) -> bool:
        """Whether too many others run; a workflow that is terminated meanwhile never begins."""
        run = self._run
        if not run.premises.is_held or run.status.phase not in ("", PENDING):
            return False
        if run.shutdown.strategy == "Terminate":
            self.set_phase(FAILED, f"Stopped with strategy '{run.shutdown.strategy}'")
        elif run.status.phase != PENDING:
            self.set_phase(PENDING, _HELD)
        return True

    def _take_spec(self) -> bool:
        """Find the spec to execute, and remember it where it is to be stored."""
        run, is_new = self._run, self._run.status.phase in ("", PENDING)
        own = run.workflow.spec
        try:
            run.spec = effective_spec(run.workflow, run.premises)
        except SpecError as e:
            self.set_phase(ERROR, str(e))
            return False
        self._written = run.spec
        is_reference = own.workflow_template_ref is not None
        if is_new and is_reference:
            run.status = msgspec.structs.replace(run.status, stored_workflow_template_spec=run.spec)
        elif is_new and run.spec is not own:
            run.written.change_spec(own, run.spec)
            run.workflow = msgspec.structs.replace(run.workflow, spec=run.spec)
        name = "" if is_reference else run.name
        run.templates = Templates(name, run.spec, run.status.stored_templates, run.premises.library)
        return True

    def _begin(self) -> bool:
        run = self._run
        run.written.annotations.setdefault(names.ANNOTATION_POD_NAME_FORMAT, run.premises.pod_name_format)
        run.written.add(origin(run.workflow.metadata, run.workflow.spec, run.premises))
        try:
            if run.spec is not run.workflow.spec:
                check_workflow(run.workflow)
            executed = msgspec.structs.replace(run.spec, workflow_template_ref=None)
            meta = msgspec.structs.replace(run.workflow.metadata, labels=run.written.labels, annotations=run.written.annotations)
            whole = msgspec.structs.replace(run.workflow, metadata=meta, spec=executed)
            check_workflow(whole, lookup_in(run.premises.library))
            check_references(run.spec, run.premises.library)
        except SpecError as e:
            self.set_phase(FAILED, f"invalid spec: {e}")
            return False
        if not self._is_allowed(whole):
            return False
        if is_wanted(run.spec) and run.workflow.metadata.deletion_timestamp is None:
            run.written.finalizer = FINALIZER
        return self._take_variables() and self._label() and self._take_variables()

    def _is_allowed(self, workflow: Workflow) -> bool:
        """Whether the administrator's policies let the workflow run; what they only warn of becomes a condition."""
        run = self._run
        verdict = judge_workflow(run.premises.policies, workflow, workflow.spec)
        if verdict.denials:
            self.set_phase(FAILED, "; ".join(verdict.denials))
            return False
        if verdict.warnings:
            warning = Condition(type="SpecWarning", status="True", message="; ".join(verdict.warnings))
            others = (condition for condition in run.status.conditions if condition.type != warning.type)
            run.status = msgspec.structs.replace(run.status, conditions=(*others, warning))
        return True

    def _label(self) -> bool:
        """Add the labels that the spec asks for; they are variables, too."""
        run = self._run
        try:
            made = own_metadata(run.spec.workflow_metadata, run.scope, run.now)
        except UserError as e:
            self.set_phase(ERROR, str(e))
            return False
        run.written.add(made)
        return True

    def _take_variables(self) -> bool:
        run = self._run
        try:
            arguments = run.config_values.global_arguments(self._written.arguments, self._again)
            # always of what is written: values that were put in are not read again
            run.spec = msgspec.structs.replace(self._written, arguments=arguments)
            begun = run.status.started_at or run.now
            arguments = read_arguments(run.effective, self._written.arguments, run.workflow.spec, begun)
            run.spec = msgspec.structs.replace(run.spec, arguments=arguments)
            run.scope = workflow_scope(run.effective, lambda name: live_variable(run, name))
            run.spec = self._substituted_spec()
        except Awaited:
            # everything begins again when what is waited for is known
            return False
        except UserError as e:
            self.set_phase(FAILED, f"failed to set global parameters: {e.message}")
            return False
        return True

    def _apply_limits(self) -> None:
        run = self._run
        run.limits.is_suspended = bool(run.spec.suspend)
        run.limits.parallelism = run.spec.parallelism
        run.shutdown.watch_deadline()

    def change_spec(self, own: WorkflowSpec) -> None:
        """Take from the workflow's own spec what may change while it runs; beside a reference, less may."""
        run = self._run
        if self._is_held():
            return
        run.spec = msgspec.structs.replace(run.spec, suspend=own.suspend, shutdown=own.shutdown)
        if own.workflow_template_ref is None:
            run.spec = msgspec.structs.replace(
                run.spec, parallelism=own.parallelism, active_deadline_seconds=own.active_deadline_seconds
            )
        elif not self._is_still_allowed():
            return
        self._apply_limits()

    def _is_still_allowed(self) -> bool:
        try:
            effective_spec(self._run.workflow, self._run.premises)
        except SpecError as e:
            self.set_phase(ERROR, str(e))
            return False
        return True

    def _substituted_spec(self) -> Any:
        spec = self._run.spec
        # templates are resolved when they are called, arguments were read before
        outside = msgspec.structs.replace(
            spec, templates=(), arguments=Arguments(), template_defaults=None, hooks={}, workflow_metadata=None, metrics=None
        )
        done = substitute(outside, self._run.scope, strict=False, now=self._run.now)
        self.pod_spec = outside if tags(done) else None
        return msgspec.structs.replace(
            done,
            templates=spec.templates,
            arguments=spec.arguments,
            template_defaults=spec.template_defaults,
            hooks=spec.hooks,
            workflow_metadata=spec.workflow_metadata,
            metrics=spec.metrics,
        )

    def start_entry(self) -> None:
        """Begin with the entry point, unless claims must be there before."""
        run = self._run
        if not run.claims.are_there():
            return
        try:
            found = run.templates.local(run.spec.entrypoint)
            arguments = global_arguments(run.spec.arguments, run.scope, run.now)
        except UserError as e:
            self.set_phase(ERROR, f"error in entry template execution: {e.message}")
            return
        self._entry = run.start_call(Call(name=run.name, found=found, arguments=arguments), self)

    def child_changed(self, child: Execution) -> None:
        """The entry point is under way."""

    def child_finished(self, child: Execution) -> None:
        """The entry point or the exit handler has ended."""
        if child is self._entry and child.node.daemoned:
            child.release()
        if child is self._entry:
            self._run.at_rest(self._start_exit)
        else:
            self._finish()

    def hook_finished(self) -> None:
        """A hook of the workflow has ended: the exit handler may have waited for it."""
        entry = self.entry
        if entry is not None and entry.phase in FULFILLED:
            self._run.at_rest(self._start_exit)

    def _start_exit(self) -> None:
        run = self._run
        if self._exit is not None or run.is_finished or self.hooks.look(is_last=True) or not self.hooks.are_done:
            return
        hook = run.spec.hooks.get(EXIT)
        if run.spec.on_exit:
            arguments = hook.arguments if hook and hook.arguments else run.spec.arguments
            hook = LifecycleHook(template=run.spec.on_exit, arguments=arguments)
        if hook is None or run.shutdown.forbids_exit_handlers(run.name + _EXIT):
            self._finish()
            return
        try:
            found = run.templates.of(hook, run.templates.own_scope)
            given = hook.arguments or run.spec.arguments
            parameters = substitute(given.parameters, run.scope, strict=False, now=run.now)
            arguments = global_arguments(msgspec.structs.replace(given, parameters=parameters), run.scope, run.now)
        except UserError as e:
            self.set_phase(ERROR, f"error in exit template execution : {e.message}")
            return
        call = Call(name=run.name + _EXIT, found=found, arguments=arguments, is_hook=True, is_exit=True)
        self._exit = run.start_call(call, self)

    def _finish(self) -> None:
        run = self._run
        entry = self._entry.node if self._entry else None
        if entry is None or run.is_finished:
            return
        exit_node = self._exit.node if self._exit else None
        phase, message = entry.phase, entry.message
        if is_own_error(entry):
            message = f"error in entry template execution: {message}"
        if phase in (SKIPPED, OMITTED):
            phase = SUCCEEDED
        if self.hooks.error:
            phase, message = ERROR, self.hooks.error
        if exit_node is not None and is_own_error(exit_node):
            phase, message = ERROR, f"error in exit template execution : {exit_node.message}"
        elif phase == SUCCEEDED and exit_node is not None and is_unsuccessful(exit_node):
            phase, message = exit_node.phase, exit_node.message
        elif phase in (FAILED, ERROR) and run.shutdown.strategy:
            message = f"Stopped with strategy '{run.shutdown.strategy}'"
        elif phase == SUCCEEDED:
            message = ""
        self.set_phase(phase, message)

    def _collect_all(self) -> None:
        run = self._run
        if run.pod_gc in AT_THE_END:
            for node in run.tree:
                if node.type == POD and is_collected(run.pod_gc, node.phase, run.status.phase):
                    run.act(CollectNode(node.id, run.pod_of(node), run.pod_gc_delay, node.phase))

    def expect(self, estimate: Estimate) -> None:
        """Take an estimate that came after the start: what has none and is under way is given it, and so is what begins later."""
        run = self._run
        run.premises = msgspec.structs.replace(run.premises, estimate=estimate)
        if run.status.started_at is not None and run.status.estimated_duration is None:
            run.status = msgspec.structs.replace(run.status, estimated_duration=estimate.seconds)
        for node in tuple(run.tree):
            seconds = estimate.of_node(run.name, node.name)
            if node.phase not in FULFILLED and node.estimated_duration is None and seconds is not None:
                run.tree.change(node.id, run.stamp, estimated_duration=seconds)

    def _estimate(self, phase: str) -> int | None:
        """Fixed when the workflow starts, or when it is found."""
        known, estimate = self._run.status, self._run.premises.estimate
        is_start = known.started_at is None and phase == RUNNING
        return estimate.seconds if is_start and estimate is not None else known.estimated_duration

    def set_phase(self, phase: str, message: str) -> None:
        """Put the workflow into a phase: time stamps, conditions and labels follow."""
        run = self._run
        status, now = run.status, run.stamp
        is_end = phase in COMPLETED
        conditions = tuple(c for c in status.conditions if c.type not in ("Completed", "PodRunning"))
        done = (Condition(type="PodRunning", status="False"), Condition(type="Completed", status="True"))
        run.status = msgspec.structs.replace(
            status,
            phase=phase,
            message=message,
            started_at=status.started_at or (None if phase == PENDING else now),
            estimated_duration=self._estimate(phase),
            finished_at=now if is_end else None,
            conditions=(*conditions, *done) if is_end else status.conditions,
        )
        if is_end:
            run.locks.release_all()
        run.written.labels[names.LABEL_PHASE] = phase
        run.written.labels[names.LABEL_COMPLETED] = "true" if is_end else "false"
        run.act(WorkflowChanged(status.phase, phase, message, run.status.finished_at))
        if is_end:
            run.metrics.workflow_ended()
            self._collect_all()
            release(run)

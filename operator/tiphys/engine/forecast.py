"""What will run, as far as that can be known beforehand: calls, loops, conditions, and what is left to be known at run time.

Nothing is run. A tag that stands for something only a run can tell is left as it is and named.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TypeVar

import msgspec

from tiphys.engine.dag import plan_of
from tiphys.engine.library import Library
from tiphys.engine.loops import is_loop, item_values, items_of
from tiphys.engine.templates import Found, Templates, kind_of
from tiphys.engine.workflow_scope import parameter_values
from tiphys.errors import ExpressionError, SpecError, UserError
from tiphys.expr.condition import when
from tiphys.expr.scope import Scope
from tiphys.expr.template import substitute
from tiphys.model.arguments import Arguments, Inputs, Outputs
from tiphys.model.template import DAGTask, Template, WorkflowStep
from tiphys.model.workflow import Workflow

T = TypeVar("T")
_TAG = re.compile(r"\{\{=?\s*(.*?)\s*\}\}", re.DOTALL)
_MAX_STEPS, _MAX_DEPTH, _MOST_ITEMS = 20_000, 100, 100


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a template.

    Attributes:
        id: Unique; the names on the way to it, with dots.
        after: Ids of the calls that it waits for.
        condition: Its `when`, as far as it is resolved; empty for none.
        verdict: What the condition says; None when only a run can tell.
        count: How many members a loop has; 1 for no loop, None when only a run can tell.
        unknown: Tags that only a run can resolve.
        template: As it is called, resolved as far as possible.
        others: What further items of a loop make of the template, where it is not the same.
        calls: What is inside a steps or dag template.
        is_recursive: The template is being called already: what is inside is not followed.
    """

    id: str
    name: str
    kind: str
    template_name: str
    template: Template
    after: tuple[str, ...] = ()
    condition: str = ""
    verdict: bool | None = True
    count: int | None = 1
    unknown: tuple[str, ...] = ()
    others: tuple[Template, ...] = ()
    calls: "tuple[Call, ...]" = ()
    is_recursive: bool = False

    def leaves(self) -> "Iterator[Call]":
        """The calls that run something, this one if it does."""
        if not self.calls and self.kind not in ("steps", "dag"):
            yield self
        for call in self.calls:
            yield from call.leaves()


def forecast(workflow: Workflow, library: Library, now: datetime) -> tuple[Call, ...]:
    """The entry point's call, and the exit handler's.

    Args:
        workflow: Checked; with the spec that is executed.
        library: Stored templates.
        now: For expressions that ask for the time.

    Raises:
        SpecError: A template that is called is not there, or there is too much.
    """
    return _Forecaster(workflow, library, now).calls()


class _Spot(msgspec.Struct, frozen=True):
    """A body whose members are looked at: its path, template, scope, and the templates around it."""

    path: str
    found: Found
    scope: Scope
    above: tuple[str, ...]


class _Forecaster:
    def __init__(self, workflow: Workflow, library: Library, now: datetime) -> None:
        meta, spec = workflow.metadata, workflow.spec
        self._spec = spec
        self._now = now
        self._templates = Templates(meta.name, spec, {}, library)
        values = {f"workflow.parameters.{name}": value for name, value in parameter_values(spec).items()}
        known = {"workflow.name": meta.name, "workflow.namespace": meta.namespace, "workflow.mainEntrypoint": spec.entrypoint}
        known["workflow.serviceAccountName"] = spec.service_account_name or "default"
        self._globals = Scope({**values, **{name: value for name, value in known.items() if value}})
        self._left = _MAX_STEPS

    def calls(self) -> tuple[Call, ...]:
        spec = self._spec
        made = [self._call(spec.entrypoint, self._templates.local(spec.entrypoint), spec.arguments, self._globals, ())]
        hook = spec.hooks.get("exit")
        if spec.on_exit:
            made.append(self._call("onExit", self._templates.local(spec.on_exit), spec.arguments, self._globals, ()))
        elif hook is not None:
            found = self._templates.of(hook, self._templates.local(spec.entrypoint).scope)
            made.append(self._call("onExit", found, hook.arguments or spec.arguments, self._globals, ()))
        return tuple(made)

    def _call(self, path: str, found: Found, arguments: Arguments, outer: Scope, above: tuple[str, ...]) -> Call:
        self._left -= 1
        if self._left < 0:
            raise SpecError(f"more than {_MAX_STEPS} calls: this is too much to plan")
        template = found.template
        scope = outer.child(self._inputs(template, arguments, outer))
        key = f"{found.inside}/{found.name or template.name}"
        kind = kind_of(template)
        is_body = kind in ("steps", "dag")
        is_recursive = is_body and (key in above or len(above) > _MAX_DEPTH)
        resolved = template if is_body else self._resolved(template, scope)
        inside: tuple[Call, ...] = ()
        if is_body and not is_recursive:
            spot = _Spot(path, found, scope, (*above, key))
            inside = tuple(self._steps(spot) if kind == "steps" else self._tasks(spot))
        text = msgspec.json.encode(msgspec.structs.replace(resolved, inputs=Inputs(), outputs=Outputs())).decode()
        return Call(
            id=path,
            name=path,
            kind=kind,
            template_name=found.name or template.name,
            template=resolved,
            calls=inside,
            unknown=() if is_body else _tags(text),
            is_recursive=is_recursive,
        )

    def _inputs(self, template: Template, arguments: Arguments, scope: Scope) -> dict[str, object]:
        given = {parameter.name: parameter for parameter in arguments.parameters}
        values: dict[str, object] = {}
        for declared in template.inputs.parameters:
            argument = given.get(declared.name)
            value = argument.value if argument is not None and argument.value is not None else declared.value
            value = declared.default if value is None else value
            if value is not None:
                values[f"inputs.parameters.{declared.name}"] = self._resolved(value, scope)
        return values

    def _resolved(self, value: T, scope: Scope) -> T:
        try:
            return substitute(value, scope, strict=False, now=self._now)
        except ExpressionError:
            return value

    def _steps(self, spot: "_Spot") -> Iterator[Call]:
        before: tuple[str, ...] = ()
        for group in spot.found.template.steps:
            made = [self._member(spot, step, before) for step in group]
            before = tuple(call.id for call in made) or before
            yield from made

    def _tasks(self, spot: "_Spot") -> Iterator[Call]:
        dag = spot.found.template.dag
        if dag is None:
            return
        plan = plan_of(dag)
        target = self._resolved(dag.target, spot.scope)
        needed = set(plan.needed(plan.targets(target))) if not _tags(target) else {task.name for task in dag.tasks}
        for task in dag.tasks:
            if task.name not in needed:
                continue
            depends = plan.depends.get(task.name)
            after = tuple(f"{spot.path}.{name}" for name in depends.tasks) if depends is not None else ()
            yield self._member(spot, task, after)

    def _member(self, spot: "_Spot", step: "WorkflowStep | DAGTask", after: tuple[str, ...]) -> Call:
        scope = spot.scope
        called = self._templates.of(step, spot.found.inside)
        made = self._call(f"{spot.path}.{step.name}", called, self._arguments(step, scope), scope, spot.above)
        condition, verdict = self._verdict(step.when, scope)
        count = self._count(step, scope)
        made = self._with_items(made, step, spot, called)
        return msgspec.structs.replace(made, name=step.name, after=after, condition=condition, verdict=verdict, count=count)

    def _with_items(self, made: Call, step: "WorkflowStep | DAGTask", spot: "_Spot", called: Found) -> Call:
        """The call of a loop whose items are known, with what each of them makes of its template."""
        if made.kind in ("steps", "dag") or not is_loop(step):
            return made
        try:
            items = items_of(step, spot.scope, self._now)
        except UserError:
            return made
        if not 0 < len(items) <= _MOST_ITEMS:
            return made
        left = self._left
        each = [
            self._call(made.id, called, self._arguments(step, scope), scope, spot.above)
            for scope in (spot.scope.child(item_values(item)) for item in items)
        ]
        self._left = left
        first, *others = {msgspec.json.encode(one.template): one.template for one in each}.values()
        unknown = tuple(dict.fromkeys(tag for one in each for tag in one.unknown))
        return msgspec.structs.replace(made, template=first, others=tuple(others), unknown=unknown)

    def _arguments(self, step: "WorkflowStep | DAGTask", scope: Scope) -> Arguments:
        return Arguments(parameters=tuple(
            msgspec.structs.replace(one, value=str(self._resolved(one.value, scope))) if one.value is not None else one
            for one in step.arguments.parameters
        ))  # fmt: skip

    def _verdict(self, text: str, scope: Scope) -> tuple[str, bool | None]:
        if not text:
            return "", True
        resolved = str(self._resolved(text, scope))
        if _tags(resolved):
            return resolved, None
        try:
            return resolved, when(resolved)
        except UserError:
            return resolved, None

    def _count(self, step: "WorkflowStep | DAGTask", scope: Scope) -> int | None:
        if not is_loop(step):
            return 1
        try:
            return len(items_of(step, scope, self._now))
        except UserError:
            return None


def _tags(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found.group(1).replace('\\"', '"') for found in _TAG.finditer(text)))


# --- time and peaks


class Timing(msgspec.Struct, frozen=True):
    """How long it takes, and how much runs at a time.

    Attributes:
        seconds: From the first start to the last end, with as much at a time as the workflow's parallelism allows.
        critical: Ids of the calls on the longest way.
        pods, cpu, memory: The most at one moment: pods, cores, bytes, as far as requests are written.
        is_least: Some loop or condition is not known: it may be more.
    """

    seconds: float
    critical: tuple[str, ...]
    pods: int
    cpu: float
    memory: float
    is_least: bool


def timing(calls: tuple[Call, ...], seconds: Mapping[str, float], parallelism: int | None = None) -> Timing:
    """When everything would run.

    Args:
        calls: As forecast.
        seconds: Call's id, or template's name, -> how long it takes; what is not there takes one second.
        parallelism: The workflow's.
    """
    spans: dict[str, tuple[float, float]] = {}

    def lay(call: Call, start: float) -> float:
        if call.verdict is False or call.count == 0:
            end = start
        elif call.calls:
            end = start
            for inner in call.calls:
                begin = max([start, *(spans[one][1] for one in inner.after if one in spans)])
                lay(inner, begin)
                end = max(end, spans[inner.id][1])
        else:
            # times of earlier runs are whole seconds: what took none of them ran nonetheless
            end = start + max(_LEAST_SECONDS, seconds.get(call.id, seconds.get(call.template_name, 1.0)))
        spans[call.id] = (start, end)
        return end

    at = 0.0
    for call in calls:
        at = lay(call, at)
    leaves = [leaf for call in calls for leaf in call.leaves() if leaf.verdict is not False and leaf.count != 0]
    leaves = [leaf for leaf in leaves if leaf.id in spans]
    pods, cpu, memory = _peak(leaves, spans)
    total = sum((leaf.count or 1) * (spans[leaf.id][1] - spans[leaf.id][0]) for leaf in leaves)
    if parallelism and pods > parallelism:
        at, pods = max(at, total / parallelism), parallelism
    is_least = any(leaf.count is None or leaf.verdict is None for leaf in leaves)
    return Timing(at, _critical(calls, spans), pods, cpu, memory, is_least)


def _peak(leaves: list[Call], spans: Mapping[str, tuple[float, float]]) -> tuple[int, float, float]:
    """Pods, cores and bytes at the fullest moment; who ends makes room for who begins then."""
    marks: list[tuple[float, int, float, float]] = []
    for leaf in leaves:
        count, (cpu, memory) = leaf.count or 1, requests(leaf.template)
        begin, end = spans[leaf.id]
        marks += [(begin, count, count * cpu, count * memory), (end, -count, -count * cpu, -count * memory)]
    now = best = (0, 0.0, 0.0)
    for _, pods, cpu, memory in sorted(marks):
        now = (now[0] + pods, now[1] + cpu, now[2] + memory)
        best = (max(best[0], now[0]), max(best[1], now[1]), max(best[2], now[2]))
    return best


def _critical(calls: tuple[Call, ...], spans: Mapping[str, tuple[float, float]]) -> tuple[str, ...]:
    """The leaves on the way that ends last."""
    way: list[str] = []
    for call in calls:
        if not call.calls:
            way.append(call.id)
            continue
        inner = {one.id: one for one in call.calls}
        last: Call | None = max(call.calls, key=lambda one: spans[one.id][1])
        chain: list[Call] = []
        while last is not None:
            chain.append(last)
            before = [inner[one] for one in last.after if one in inner]
            last = max(before, key=lambda one: spans[one.id][1]) if before else None
        for one in reversed(chain):
            way += _critical((one,), spans) if one.calls else [one.id]
    return tuple(way)


_LEAST_SECONDS = 0.001
_UNITS = {"": 1.0, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_QUANTITY = re.compile(r"^(\d+(?:\.\d+)?)([a-zA-Z]*)$")


def requests(template: Template) -> tuple[float, float]:
    """Cores and bytes that a template's pod asks for, as far as that is written."""
    container = template.container or template.script or {}
    containers = [container, *template.sidecars]
    if template.container_set is not None:
        containers = list(template.container_set.containers)
    asked = [(one.get("resources") or {}).get("requests") or {} for one in containers]
    return sum(_quantity(one.get("cpu")) for one in asked), sum(_quantity(one.get("memory")) for one in asked)


def _quantity(text: object) -> float:
    found = _QUANTITY.match(str(text or ""))
    return float(found.group(1)) * _UNITS.get(found.group(2), 0.0) if found else 0.0

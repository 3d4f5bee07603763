"""`plan`: what will run, before anything does."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Any, Literal

import msgspec
from cyclopts import Parameter

from tiphys.cli.documents import Document, read_documents
from tiphys.cli.judge import judge, library_of
from tiphys.cli.session import Where, now, with_api
from tiphys.cluster.api import Api
from tiphys.engine.effective import effective_spec
from tiphys.engine.forecast import Call, Timing, forecast, timing
from tiphys.engine.library import Library
from tiphys.engine.needs import Needs, needs_of
from tiphys.engine.operations.parameters import parse_pairs, set_parameters
from tiphys.engine.premises import Premises
from tiphys.errors import NotFound, SpecError, TiphysError
from tiphys.expr.render import go_duration
from tiphys.model.parse import parse_workflow
from tiphys.model.workflow import Workflow

_KINDS = {
    "images": ("", "images"),
    "secrets": ("Secret", "secrets"),
    "config_maps": ("ConfigMap", "config maps"),
    "claims": ("PersistentVolumeClaim", "claims"),
    "accounts": ("ServiceAccount", "service accounts"),
    "rights": ("", "rights"),
}
"""What is needed -> its kind, where a cluster can be asked for it, and its title."""
Format = Literal["tree", "mermaid", "dot", "svg", "json"]


def plan(
    *files: str,
    parameter: Annotated[list[str] | None, Parameter(name=["--parameter", "-p"])] = None,
    output: Annotated[Format, Parameter(name=["--output", "-o"])] = "tree",
    seconds: Annotated[list[str] | None, Parameter(name="--seconds")] = None,
    cluster: bool = False,
    like: str = "",
    where: Where | None = None,
) -> int:
    """Show what a workflow will run: calls, loops, conditions, what only a run can tell, what it needs, how much and how long.

    Args:
        files: The workflow, with templates that it calls.
        parameter: NAME=VALUE for an argument.
        output: tree, mermaid, dot, svg or json.
        seconds: TEMPLATE=SECONDS, how long a template takes; one second unless said.
        cluster: Say which needed objects are not in the cluster's namespace.
        like: Take how long steps take from this finished workflow, live or archived.
        where: The cluster.
    """
    documents = list(read_documents(files))
    found = [document for document in documents if document.kind == "Workflow"]
    if len(found) != 1:
        raise SpecError(f"expected one Workflow in the given files, found {len(found)}")
    set_parameters(found[0].value, parse_pairs(parameter or []))
    library = library_of(documents)
    workflow = _checked(found[0], library)
    calls = forecast(workflow, library, now())
    needs = needs_of(workflow.spec, calls)
    durations = {name: float(value) for name, value in parse_pairs(seconds or []).items()}
    lacking: list[str] = []
    if cluster or like:
        missing, measured = with_api(where, lambda api, namespace: _ask(api, namespace, needs if cluster else Needs(), like))
        lacking, durations = missing, measured | durations
    _print(workflow, calls, needs, timing(calls, durations, workflow.spec.parallelism), output, lacking if cluster else None)
    return 1 if lacking else 0


def _checked(document: Document, library: Library) -> Workflow:
    faults = judge(document, library)
    if faults:
        told = [f"{fault.file}:{fault.line}:{fault.column}: {fault.path}: {fault.reason}" for fault in faults]
        raise SpecError("\n".join(told))
    meta = document.value.get("metadata") or {}
    named = {**document.value, "metadata": {**meta, "name": meta.get("name") or f"{meta.get('generateName', '')}…"}}
    workflow = parse_workflow(named)
    return msgspec.structs.replace(workflow, spec=effective_spec(workflow, Premises(library=library)))


async def _ask(api: Api, namespace: str, needs: Needs, like: str) -> tuple[list[str], dict[str, float]]:
    """What is not in the cluster, and how long templates took in a finished workflow."""
    missing = []
    for field, (kind, _) in _KINDS.items():
        for name in getattr(needs, field) if kind else ():
            try:
                await api.read(kind, namespace, name)
            except NotFound:
                missing.append(f"{kind} {name} is not in namespace {namespace}")
            except TiphysError as e:
                missing.append(f"{kind} {name}: {e.message}")
    return missing, await _measured(api, namespace, like) if like else {}


async def _measured(api: Api, namespace: str, like: str) -> dict[str, float]:
    from tiphys.cli.session import find_workflow

    taken: dict[str, list[float]] = {}
    found = await find_workflow(api, namespace, like)
    leaves = [node for node in found.status.nodes.values() if node.type not in ("Steps", "DAG", "StepGroup", "TaskGroup")]
    for node in leaves:
        if node.started_at is not None and node.finished_at is not None:
            taken.setdefault(node.template_name, []).append((node.finished_at - node.started_at) / timedelta(seconds=1))
    return {name: sum(many) / len(many) for name, many in taken.items()}


def _print(
    workflow: Workflow, calls: tuple[Call, ...], needs: Needs, when: Timing, output: Format, lacking: list[str] | None
) -> None:
    from tiphys.cli import drawing

    match output:
        case "mermaid":
            print(drawing.mermaid(calls), end="")
        case "dot":
            print(drawing.dot(calls), end="")
        case "svg":
            print(drawing.svg(calls), end="")
        case "json":
            whole: dict[str, Any] = {"calls": [_plain(call) for call in calls]}
            whole |= {"needs": msgspec.to_builtins(needs), "timing": msgspec.to_builtins(when)}
            print(json.dumps(whole | ({} if lacking is None else {"missing": lacking}), indent=2, ensure_ascii=False))
        case _:
            from rich.console import Console

            console = Console(soft_wrap=True, highlight=False)
            console.print(drawing.tree(calls, f"{workflow.metadata.name}: {workflow.spec.entrypoint}"))
            for line in (*_needs(needs), *_timing(when)):
                console.print(line, markup=False)
            for line in lacking or ():
                console.print(f"missing: {line}", markup=False)
            if lacking == []:
                console.print("everything it needs is there")


def _plain(call: Call) -> dict[str, Any]:
    made: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(call, calls=()))
    return {**made, "calls": [_plain(one) for one in call.calls]}


def _needs(needs: Needs) -> Iterator[str]:
    for field, (_, title) in _KINDS.items():
        names = getattr(needs, field)
        if names:
            yield f"{title}: {', '.join(names)}"


def _timing(when: Timing) -> Iterator[str]:
    least = " at least" if when.is_least else ""
    asks = f", {when.cpu:g} cores, {when.memory / 2**20:.0f} MiB" if when.cpu or when.memory else ""
    yield f"most at a time{least}: {when.pods} pods{asks}"
    way = " → ".join(one.rpartition(".")[2] for one in when.critical)
    yield f"takes{least}: {go_duration(timedelta(seconds=round(when.seconds)))}, by {way}"

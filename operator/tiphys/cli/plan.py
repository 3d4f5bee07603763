"""`plan`: what will run, before anything does."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Literal

import msgspec
from cyclopts import Parameter

from tiphys.cli.documents import Document, read_documents
from tiphys.cli.earlier import earlier_here, earlier_there
from tiphys.cli.judge import judge, library_of
from tiphys.cli.presence import Presence, presence
from tiphys.cli.reach import Reach
from tiphys.cli.session import Where, find_workflow, now, with_api
from tiphys.cli.shelf import stored_library
from tiphys.cluster.api import Api
from tiphys.engine.effective import effective_spec
from tiphys.engine.forecast import Call, Timing, forecast, timing
from tiphys.engine.history import measured
from tiphys.engine.library import Library
from tiphys.engine.needs import Needs, needs_of
from tiphys.engine.operations.parameters import parse_pairs, set_parameters
from tiphys.engine.premises import Premises
from tiphys.errors import SpecError
from tiphys.expr.render import go_duration
from tiphys.model.parse import parse_workflow
from tiphys.model.workflow import Workflow

_TITLES = {
    "images": "images",
    "secrets": "secrets",
    "config_maps": "config maps",
    "claims": "claims",
    "accounts": "service accounts",
    "rights": "rights",
}
"""What is needed -> its title."""
Format = Literal["tree", "mermaid", "dot", "svg", "json"]


@dataclass(kw_only=True)
class _Reach(Reach):
    """Without the name of a cluster: here the flag asks the cluster."""

    cluster: Annotated[str, Parameter(parse=False)] = ""


@Parameter(name="*")
@dataclass(kw_only=True)
class _Where(Where):
    """Which cluster, and which namespace of it."""

    reach: _Reach | None = None


def plan(
    *files: str,
    parameter: Annotated[list[str] | None, Parameter(name=["--parameter", "-p"])] = None,
    output: Annotated[Format, Parameter(name=["--output", "-o"])] = "tree",
    seconds: Annotated[list[str] | None, Parameter(name="--seconds")] = None,
    cluster: bool = False,
    like: str = "",
    where: _Where | None = None,
) -> int:
    """Show what a workflow will run: calls, loops, conditions, what only a run can tell, what it needs, how much and how long.

    Args:
        files: The workflow, with templates that it calls.
        parameter: NAME=VALUE for an argument.
        output: tree, mermaid, dot, svg or json.
        seconds: TEMPLATE=SECONDS, how long a template takes; else as in earlier runs, else one second.
        cluster: Ask the cluster for stored templates, for earlier runs, and for what is missing: objects and rights.
        like: Take how long steps take from this finished workflow, live or archived.
        where: The cluster.
    """
    documents = list(read_documents(files))
    found = [document for document in documents if document.kind == "Workflow"]
    if len(found) != 1:
        raise SpecError(f"expected one Workflow in the given files, found {len(found)}")
    document = found[0]
    set_parameters(document.value, parse_pairs(parameter or []))
    said = {name: float(value) for name, value in parse_pairs(seconds or []).items()}
    own = library_of(documents)

    def planned(library: Library) -> _Planned:
        named = _named(document, library)
        workflow = msgspec.structs.replace(named, spec=effective_spec(named, Premises(library=library)))
        calls = forecast(workflow, library, now())
        return _Planned(named, workflow, calls, needs_of(workflow.spec, calls))

    if cluster or like:
        plan_, runs, there = with_api(where, lambda api, namespace: _ask(api, namespace, own, planned, Wanted(cluster, like)))
    else:
        plan_, there = planned(own), None
        runs = earlier_here(plan_.named)
    when = timing(plan_.calls, {**measured(runs), **said}, plan_.workflow.spec.parallelism)
    _print(plan_, when, output, there, len(runs))
    return 1 if there is not None and there.missing else 0


class _Planned(msgspec.Struct, frozen=True):
    """A plan: the workflow as it is written, as it is executed, its calls and what they need."""

    named: Workflow
    workflow: Workflow
    calls: tuple[Call, ...]
    needs: Needs


class Wanted(msgspec.Struct, frozen=True):
    """What a cluster is asked for: what is missing, or how long one finished workflow took."""

    presence: bool
    like: str


def _named(document: Document, library: Library) -> Workflow:
    faults = judge(document, library)
    if faults:
        told = [f"{fault.file}:{fault.line}:{fault.column}: {fault.path}: {fault.reason}" for fault in faults]
        raise SpecError("\n".join(told))
    meta = document.value.get("metadata") or {}
    name = meta.get("name") or f"{meta.get('generateName', '')}…"
    return parse_workflow({**document.value, "metadata": {**meta, "name": name}})


async def _ask(
    api: Api, namespace: str, own: Library, planned: Callable[[Library], _Planned], wanted: Wanted
) -> tuple[_Planned, list[Workflow], Presence | None]:
    """The plan with the cluster's templates, earlier runs, and what is missing."""
    library = own
    if wanted.presence:
        stored = await stored_library(api, namespace)
        library = Library({**stored.specs, **own.specs}, {**stored.faults, **own.faults})
    made = planned(library)
    there = await presence(api, namespace, made.needs) if wanted.presence else None
    if wanted.like:
        return made, [await find_workflow(api, namespace, wanted.like)], there
    return made, await earlier_there(api, namespace, made.named), there


def _print(made: _Planned, when: Timing, output: Format, there: Presence | None, runs: int) -> None:
    from tiphys.cli import drawing

    calls = made.calls
    match output:
        case "mermaid":
            print(drawing.mermaid(calls), end="")
        case "dot":
            print(drawing.dot(calls), end="")
        case "svg":
            print(drawing.svg(calls), end="")
        case "json":
            whole: dict[str, Any] = {"calls": [_plain(call) for call in calls]}
            whole |= {"needs": msgspec.to_builtins(made.needs), "timing": msgspec.to_builtins(when), "earlierRuns": runs}
            print(json.dumps(whole | ({} if there is None else msgspec.to_builtins(there)), indent=2, ensure_ascii=False))
        case _:
            from rich.console import Console

            console = Console(soft_wrap=True, highlight=False)
            console.print(drawing.tree(calls, f"{made.workflow.metadata.name}: {made.workflow.spec.entrypoint}"))
            for line in (*_needs(made.needs), *_timing(when, runs), *_presence(there)):
                console.print(line, markup=False)


def _presence(there: Presence | None) -> Iterator[str]:
    if there is None:
        return
    yield from (f"missing: {line}" for line in there.missing)
    yield from (f"not known: {line}" for line in there.unknown)
    if not there.missing and not there.unknown:
        yield "everything it needs is there"


def _plain(call: Call) -> dict[str, Any]:
    made: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(call, calls=()))
    return {**made, "calls": [_plain(one) for one in call.calls]}


def _needs(needs: Needs) -> Iterator[str]:
    for field, title in _TITLES.items():
        names = getattr(needs, field)
        if names:
            yield f"{title}: {', '.join(map(str, names))}"


def _timing(when: Timing, runs: int) -> Iterator[str]:
    least = " at least" if when.is_least else ""
    asks = f", {when.cpu:g} cores, {when.memory / 2**20:.0f} MiB" if when.cpu or when.memory else ""
    yield f"most at a time{least}: {when.pods} pods{asks}"
    way = " → ".join(one.rpartition(".")[2] for one in when.critical)
    source = f", as in {runs} earlier run{'s' if runs > 1 else ''}" if runs else ""
    yield f"takes{least}: {go_duration(timedelta(seconds=round(when.seconds)))}, by {way}{source}"

"""`get`, `watch`, `wait`."""

from collections.abc import Callable
from typing import Annotated

import msgspec
import yaml
from cyclopts import Parameter
from rich.console import Console
from rich.live import Live

from tiphys.cli.listing import Output
from tiphys.cli.session import Where, exit_code, find_workflow, follow_workflow, now, with_api
from tiphys.cli.tree import Look, render
from tiphys.cluster.api import Api
from tiphys.engine.operations.node_selector import parse_selector
from tiphys.errors import NotFound
from tiphys.model.parse import to_json
from tiphys.model.status import NodeStatus
from tiphys.model.workflow import Workflow


def print_workflow(workflow: Workflow, output: str, look: Look | None = None, *, no_color: bool = False) -> None:
    """Show a workflow: `json`, `yaml`, `name`, or as a picture; `wide` with the names of artifacts."""
    match output:
        case "json":
            print(msgspec.json.format(msgspec.json.encode(to_json(workflow)), indent=2).decode())
        case "yaml":
            print(yaml.safe_dump(to_json(workflow), sort_keys=False), end="")
        case "name":
            print(workflow.metadata.name)
        case _:
            drawn = msgspec.structs.replace(look or Look(), is_wide=output == "wide")
            Console(soft_wrap=True, no_color=no_color or None).print(render(workflow, now(), drawn), end="")


def _keeps(status: str, selector: str) -> Callable[[NodeStatus], bool]:
    """Which nodes are shown: those in one of some phases, that fulfil a node field selector."""
    phases, terms = {phase.strip() for phase in status.split(",")} if status else set[str](), parse_selector(selector)
    return lambda node: (not phases or node.phase in phases) and all(term.matches(node) for term in terms)


def get(
    *names: str,
    output: Output = "",
    status: str = "",
    node_field_selector: str = "",
    no_color: Annotated[bool, Parameter(negative="")] = False,
    no_utf8: Annotated[bool, Parameter(negative="")] = False,
    where: Where | None = None,
) -> int:
    """Show workflows.

    Args:
        names: Which; `@latest` is the newest.
        output: `wide`, `name`, `json` or `yaml`.
        status: Only nodes in these phases, with commas.
        node_field_selector: Only nodes that match, as `phase=Failed,templateName=x`.
        no_color: Without colors.
        no_utf8: Without signs that old terminals lack.
        where: The cluster.
    """
    look = Look(is_ascii=no_utf8, keeps=_keeps(status, node_field_selector))

    async def work(api: Api, namespace: str) -> int:
        for name in names:
            print_workflow(await find_workflow(api, namespace, name), output, look, no_color=no_color)
        return 0

    return with_api(where, work)


def watch(name: str = "@latest", *, where: Where | None = None) -> int:
    """Follow a workflow on the screen until it is finished; 1 when it did not succeed."""

    async def work(api: Api, namespace: str) -> int:
        return exit_code(await watch_workflow(api, namespace, name))

    return with_api(where, work)


async def watch_workflow(api: Api, namespace: str, name: str) -> Workflow:
    """Show a workflow as it changes; it as it ends."""
    console = Console(soft_wrap=True)
    last: Workflow | None = None
    with Live(console=console, auto_refresh=False, transient=not console.is_terminal) as live:
        async for last in follow_workflow(api, namespace, name):
            if console.is_terminal:
                live.update(render(last, now()), refresh=True)
    assert last is not None  # noqa: S101 following yields at least once
    if not console.is_terminal:
        console.print(render(last, now()), end="")
    return last


def wait(*names: str, ignore_not_found: Annotated[bool, Parameter(negative="")] = False, where: Where | None = None) -> int:
    """Wait until workflows are finished; 1 when one did not succeed. With --ignore-not-found, one that is not there did."""

    async def work(api: Api, namespace: str) -> int:
        worst = 0
        for name in names:
            try:
                ended = [workflow async for workflow in follow_workflow(api, namespace, name)][-1]
            except NotFound:
                if not ignore_not_found:
                    raise
                print(f"workflow {name} not found. Ignoring...")
                continue
            print(f"{ended.metadata.name} {ended.status.phase} at {ended.status.finished_at}")
            worst = max(worst, exit_code(ended))
        return worst

    return with_api(where, work)

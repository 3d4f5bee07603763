"""`get`, `watch`, `wait`."""

import sys
from collections.abc import Callable
from typing import Annotated

import msgspec
import yaml
from cyclopts import Parameter
from rich.console import Console

from tiphys.cli.listing import Output
from tiphys.cli.session import Where, exit_code, find_workflow, follow_workflow, now, read_workflow, with_api
from tiphys.cli.tree import Look, render
from tiphys.cluster.api import Api
from tiphys.engine.operations.node_selector import parse_selector
from tiphys.errors import NotFound
from tiphys.model.parse import to_json
from tiphys.model.phases import COMPLETED
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


def keeps(status: str, selector: str) -> Callable[[NodeStatus], bool]:
    """Which nodes are shown: those in one of some phases, that fulfil a node field selector."""
    phases, terms = {phase.strip() for phase in status.split(",")} if status else set[str](), parse_selector(selector)
    return lambda node: (not phases or node.phase in phases) and all(term.matches(node) for term in terms)


def get(  # noqa: PLR0913 as many options as users want
    *names: str,
    output: Output = "",
    status: str = "",
    node_field_selector: str = "",
    watch: bool = False,
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
        watch: Stay with each until it is finished; 1 when one did not succeed.
        no_color: Without colors.
        no_utf8: Without signs that old terminals lack.
        where: The cluster.
    """
    look = Look(is_ascii=no_utf8, keeps=keeps(status, node_field_selector))

    async def work(api: Api, namespace: str) -> int:
        worst = 0
        for name in names:
            if watch:
                worst = max(worst, exit_code(await watch_workflow(api, namespace, name, look)))
            else:
                print_workflow(await find_workflow(api, namespace, name), output, look, no_color=no_color)
        return worst

    return with_api(where, work)


def watch(name: str = "@latest", *, status: str = "", node_field_selector: str = "", where: Where | None = None) -> int:
    """Follow a workflow on the screen until it is finished; 1 when it did not succeed.

    Args:
        name: Which; `@latest` is the newest.
        status: Only nodes in these phases, with commas.
        node_field_selector: Only nodes that match, as `phase=Failed,templateName=x`.
        where: The cluster.
    """
    look = Look(keeps=keeps(status, node_field_selector))

    async def work(api: Api, namespace: str) -> int:
        return exit_code(await watch_workflow(api, namespace, name, look))

    return with_api(where, work)


async def watch_workflow(api: Api, namespace: str, name: str, look: Look | None = None) -> Workflow:
    """Show a workflow as it changes, on a terminal with keys to act on it; it as it is in the end, or when the view is left."""
    look = look or Look()
    first = await read_workflow(api, namespace, name)
    name = first.metadata.name
    if first.status.phase not in COMPLETED:
        if is_terminal():
            await _view(api, namespace, name, look)
        else:
            async for _ in follow_workflow(api, namespace, name):
                pass
    last = await read_workflow(api, namespace, name)
    print_workflow(last, "", look)
    return last


def is_terminal() -> bool:
    """Whether somebody sits there who can press keys."""
    return sys.stdin.isatty() and sys.stdout.isatty()


async def _view(api: Api, namespace: str, name: str, look: Look) -> None:
    # a view on the screen is loaded only where there is one
    from tiphys.cli.live import INTERRUPTED, LiveView, Scene
    from tiphys.cli.shell import cluster_shell

    async def shell(workflow: Workflow, node: NodeStatus) -> None:
        await cluster_shell(api, workflow, node)

    scene = Scene(api, namespace, name, lambda: follow_workflow(api, namespace, name), shell, now, keeps=look.keeps)
    if await LiveView(scene).run_async() == INTERRUPTED:
        raise KeyboardInterrupt


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

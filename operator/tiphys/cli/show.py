"""`get`, `watch`, `wait`."""

import msgspec
import yaml
from rich.console import Console
from rich.live import Live

from tiphys.cli.listing import Output
from tiphys.cli.session import Where, exit_code, find_workflow, follow_workflow, now, with_api
from tiphys.cli.tree import render
from tiphys.cluster.api import Api
from tiphys.model.parse import to_json
from tiphys.model.workflow import Workflow


def print_workflow(workflow: Workflow, output: str) -> None:
    """Show a workflow: `json`, `yaml`, `name`, or as a picture; `wide` with the names of artifacts."""
    match output:
        case "json":
            print(msgspec.json.format(msgspec.json.encode(to_json(workflow)), indent=2).decode())
        case "yaml":
            print(yaml.safe_dump(to_json(workflow), sort_keys=False), end="")
        case "name":
            print(workflow.metadata.name)
        case _:
            Console(soft_wrap=True).print(render(workflow, now(), is_wide=output == "wide"), end="")


def get(*names: str, output: Output = "", where: Where | None = None) -> int:
    """Show workflows."""

    async def work(api: Api, namespace: str) -> int:
        for name in names:
            print_workflow(await find_workflow(api, namespace, name), output)
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


def wait(*names: str, where: Where | None = None) -> int:
    """Wait until workflows are finished; 1 when one did not succeed."""

    async def work(api: Api, namespace: str) -> int:
        worst = 0
        for name in names:
            ended = [workflow async for workflow in follow_workflow(api, namespace, name)][-1]
            print(f"{ended.metadata.name} {ended.status.phase} at {ended.status.finished_at}")
            worst = max(worst, exit_code(ended))
        return worst

    return with_api(where, work)

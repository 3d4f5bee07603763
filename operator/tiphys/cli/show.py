"""`get`, `list`, `watch`, `wait`."""

from typing import Annotated

import msgspec
import yaml
from cyclopts import Parameter
from rich.console import Console
from rich.live import Live
from rich.table import Table

from tiphys.cli.session import Where, all_workflows, exit_code, find_workflow, follow_workflow, now, with_api
from tiphys.cli.tree import duration, render, spell
from tiphys.cluster.api import Api
from tiphys.model.parse import to_json
from tiphys.model.workflow import Workflow

Output = Annotated[str, Parameter(name=["--output", "-o"])]


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


def list_(  # noqa: PLR0913 as many options as Argo's
    *,
    all_namespaces: Annotated[bool, Parameter(name=["--all-namespaces", "-A"])] = False,
    selector: Annotated[str, Parameter(name=["--selector", "-l"])] = "",
    status: str = "",
    running: bool = False,
    completed: bool = False,
    prefix: str = "",
    output: Output = "",
    where: Where | None = None,
) -> int:
    """List workflows."""
    label = {(True, False): "workflows.argoproj.io/completed!=true", (False, True): "workflows.argoproj.io/completed=true"}
    labels = ",".join(part for part in (selector, label.get((running, completed), "")) if part)
    phases = set(status.split(",")) if status else set()

    async def work(api: Api, namespace: str) -> int:
        found = [
            workflow
            async for workflow in all_workflows(api, "" if all_namespaces else namespace, labels)
            if workflow.metadata.name.startswith(prefix) and (not phases or workflow.status.phase in phases)
        ]
        found.sort(key=lambda workflow: str(workflow.metadata.creation_timestamp), reverse=True)
        print_list(found, output, with_namespace=all_namespaces)
        return 0

    return with_api(where, work)


def print_list(found: list[Workflow], output: str, *, with_namespace: bool) -> None:
    """Show workflows one a line, or as `json`, `yaml`, `name`."""
    if output == "name":
        print("\n".join(workflow.metadata.name for workflow in found))
    elif output == "json":
        print(msgspec.json.encode([to_json(workflow) for workflow in found]).decode())
    elif output == "yaml":
        print(yaml.safe_dump([to_json(workflow) for workflow in found], sort_keys=False), end="")
    elif not found:
        print("No workflows found")
    else:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in [*(["NAMESPACE"] if with_namespace else []), "NAME", "STATUS", "AGE", "DURATION", "PRIORITY", "MESSAGE"]:
            table.add_column(column, no_wrap=True)
        for workflow in found:
            table.add_row(*([workflow.metadata.namespace] if with_namespace else []), *_list_row(workflow))
        Console(soft_wrap=True).print(table)


def _list_row(workflow: Workflow) -> list[str]:
    meta, status = workflow.metadata, workflow.status
    age = spell(now() - meta.creation_timestamp) if meta.creation_timestamp else ""
    took = duration(status.started_at, status.finished_at, now())
    return [meta.name, status.phase or "Pending", age, took, str(workflow.spec.priority or 0), status.message]


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

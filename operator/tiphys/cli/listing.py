"""`list`: workflows one a line. It starts fast: no client for many requests, no painter of terminals."""

import sys
from typing import Annotated

import msgspec
from cyclopts import Parameter

from tiphys.cli.session import Where, all_workflows, now, with_api
from tiphys.cli.spans import duration, spell
from tiphys.cluster.api import Api
from tiphys.cluster.plain import PlainApi
from tiphys.model.parse import to_json
from tiphys.model.workflow import Workflow

Output = Annotated[str, Parameter(name=["--output", "-o"])]
_COLUMNS = ("NAME", "STATUS", "AGE", "DURATION", "PRIORITY", "MESSAGE")


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

    return with_api(where, work, PlainApi)


def print_list(found: list[Workflow], output: str, *, with_namespace: bool) -> None:
    """Show workflows one a line, or as `json`, `yaml`, `name`."""
    if output == "name":
        print("\n".join(workflow.metadata.name for workflow in found))
    elif output == "json":
        print(msgspec.json.encode([to_json(workflow) for workflow in found]).decode())
    elif output == "yaml":
        import yaml

        print(yaml.safe_dump([to_json(workflow) for workflow in found], sort_keys=False), end="")
    elif not found:
        print("No workflows found")
    else:
        rows = [[*([workflow.metadata.namespace] if with_namespace else []), *_row(workflow)] for workflow in found]
        print(columns([*(["NAMESPACE"] if with_namespace else []), *_COLUMNS], rows, is_bold=sys.stdout.isatty()), end="")


def columns(heads: list[str], rows: list[list[str]], *, is_bold: bool) -> str:
    """Rows below their heads, each column as wide as its widest cell."""
    widths = [max(map(len, cells)) for cells in zip(heads, *rows, strict=True)]
    lines = ["   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in (heads, *rows)]
    if is_bold:
        lines[0] = f"\x1b[1m{lines[0]}\x1b[0m"
    return "\n".join(lines) + "\n"


def _row(workflow: Workflow) -> list[str]:
    meta, status = workflow.metadata, workflow.status
    age = spell(now() - meta.creation_timestamp) if meta.creation_timestamp else ""
    took = duration(status.started_at, status.finished_at, now())
    # a message of several lines would break the table
    message = " ".join(status.message.split())
    return [meta.name, status.phase or "Pending", age, took, str(workflow.spec.priority or 0), message]

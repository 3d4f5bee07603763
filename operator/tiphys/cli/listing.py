"""`list`: workflows one a line. It starts fast: no client for many requests, no painter of terminals."""

import sys
from typing import Annotated

import msgspec
from cyclopts import Parameter

from tiphys.cli.choice import Conditions, Selectors, created_since, matching
from tiphys.cli.session import Where, now, with_api
from tiphys.cli.spans import duration, spell
from tiphys.cluster.api import Api
from tiphys.cluster.plain import PlainApi
from tiphys.model.names import LABEL_COMPLETED
from tiphys.model.parse import to_json
from tiphys.model.workflow import Workflow

Output = Annotated[str, Parameter(name=["--output", "-o"])]
_SHOWN = 40
_COLUMNS = ("NAME", "STATUS", "AGE", "DURATION", "PRIORITY", "MESSAGE")


def list_(  # noqa: PLR0913 as many options as Argo's
    *,
    all_namespaces: Annotated[bool, Parameter(name=["--all-namespaces", "-A"], negative="")] = False,
    selectors: Selectors | None = None,
    conditions: Conditions | None = None,
    running: Annotated[bool, Parameter(negative="")] = False,
    since: str = "",
    chunk_size: int = 0,
    no_headers: Annotated[bool, Parameter(negative="")] = False,
    output: Output = "",
    where: Where | None = None,
) -> int:
    """List workflows, newest first.

    Args:
        all_namespaces: Of all namespaces.
        selectors: What the API server selects by.
        conditions: What else they are selected by.
        running: Those that have not ended.
        since: Those that were made no longer ago than, as `10m`, `3h`, `7d`.
        chunk_size: How many are asked for at once; 0 for the usual number.
        no_headers: Without the names of the columns.
        output: `wide` (with parameters), `name`, `json` or `yaml`.
        where: The cluster.
    """
    label = (f"{LABEL_COMPLETED}!=true",) if running else ()

    async def work(api: Api, namespace: str) -> int:
        found = await matching(api, "" if all_namespaces else namespace, selectors, conditions, *label, page=chunk_size)
        at = now()
        shown = [workflow for workflow in found if not since or created_since(workflow, since, at)]
        print_list(shown, output, with_namespace=all_namespaces, has_heads=not no_headers)
        return 0

    return with_api(where, work, PlainApi)


def print_list(found: list[Workflow], output: str, *, with_namespace: bool, has_heads: bool = True) -> None:
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
        is_wide = output == "wide"
        rows = [
            [*[one.metadata.namespace] * with_namespace, *_row(one), *[_given(one)] * is_wide] for one in found
        ]
        heads = [*["NAMESPACE"] * with_namespace, *_COLUMNS, *["PARAMETERS"] * is_wide]
        text = columns(heads, rows, is_bold=sys.stdout.isatty())
        print(text if has_heads else text.split("\n", 1)[1], end="")


def columns(heads: list[str], rows: list[list[str]], *, is_bold: bool) -> str:
    """Rows below their heads, each column as wide as its widest cell."""
    widths = [max(map(len, cells)) for cells in zip(heads, *rows, strict=True)]
    lines = ["   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in (heads, *rows)]
    if is_bold:
        lines[0] = f"\x1b[1m{lines[0]}\x1b[0m"
    return "\n".join(lines) + "\n"


def _given(workflow: Workflow) -> str:
    """The arguments of a workflow, short."""
    known = workflow.spec.arguments.parameters
    return ",".join(f"{one.name}={str(one.value if one.value is not None else one.default or '')[:_SHOWN]}" for one in known)


def _row(workflow: Workflow) -> list[str]:
    meta, status = workflow.metadata, workflow.status
    age = spell(now() - meta.creation_timestamp) if meta.creation_timestamp else ""
    took = duration(status.started_at, status.finished_at, now())
    # a message of several lines would break the table
    message = " ".join(status.message.split())
    return [meta.name, status.phase or "Pending", age, took, str(workflow.spec.priority or 0), message]

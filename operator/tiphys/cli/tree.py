"""A workflow as text: what it is, and its nodes as a tree."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

import msgspec
from rich.text import Text

from tiphys.cli.spans import duration
from tiphys.model.phases import STEP_GROUP
from tiphys.model.status import NodeStatus
from tiphys.model.storage import has_location, relocated, repository_location, shown_location
from tiphys.model.workflow import Workflow, pod_name

ICONS = {
    "Pending": ("◷", "yellow"),
    "Running": ("●", "cyan"),
    "Succeeded": ("✔", "green"),
    "Skipped": ("○", "dim"),
    "Omitted": ("○", "dim"),
    "Failed": ("✖", "red"),
    "Error": ("⚠", "red"),
}


ASCII = {
    "Pending": "o", "Running": "*", "Succeeded": "+", "Skipped": "-", "Omitted": "-", "Failed": "x", "Error": "!",
    "└─": "`-", "├─": "|-", "│ ": "| ",
}  # fmt: skip


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """How a tree is drawn.

    Attributes:
        is_wide: With the names of each node's output artifacts.
        is_ascii: Without signs that old terminals lack.
        keeps: Which nodes are shown.
    """

    is_wide: bool = False
    is_ascii: bool = False
    keeps: Callable[[NodeStatus], bool] = lambda _node: True


def heading(workflow: Workflow, now: datetime) -> Iterator[str]:
    """`Name: value` lines."""
    meta, status = workflow.metadata, workflow.status
    lines = {
        "Name": meta.name,
        "Namespace": meta.namespace,
        "ServiceAccount": workflow.spec.service_account_name or "unset",
        "Status": status.phase or "Pending",
        "Message": status.message,
        "Created": str(meta.creation_timestamp or ""),
        "Started": str(status.started_at or ""),
        "Finished": str(status.finished_at or ""),
        "Duration": duration(status.started_at, status.finished_at, now),
        "Progress": status.progress,
    }
    for name, value in lines.items():
        if value:
            yield f"{name + ':':<21}{value}"
    if workflow.spec.arguments.parameters:
        yield "Parameters:"
        for parameter in workflow.spec.arguments.parameters:
            yield f"  {parameter.name + ':':<19}{parameter.value if parameter.value is not None else parameter.default}"
    yield from _outputs(workflow)


def _outputs(workflow: Workflow) -> Iterator[str]:
    outputs, known = workflow.status.outputs, workflow.status.artifact_repository_ref
    if outputs is None:
        return
    if outputs.parameters:
        yield "Output Parameters:"
        yield from (f"  {parameter.name + ':':<19}{parameter.value}" for parameter in outputs.parameters)
    if outputs.artifacts:
        base = repository_location(known.artifact_repository if known is not None else None, "")
        yield "Output Artifacts:"
        for artifact in outputs.artifacts:
            located = artifact if has_location(artifact) or base is None else relocated(artifact, base)
            yield f"  {artifact.name + ':':<19}{shown_location(located)}"


class Family:
    """Which nodes are drawn inside which, of one state of a workflow."""

    def __init__(self, nodes: Mapping[str, NodeStatus]) -> None:
        self._nodes = nodes
        self._inside: dict[str, list[NodeStatus]] = {}
        self._grouped: set[str] = set()
        for node in nodes.values():
            if not _is_attempt(node):
                self._inside.setdefault(node.boundary_id, []).append(node)
            if node.type == "TaskGroup":
                self._grouped.update(child.id for child in self._members(node))
        for inside in self._inside.values():
            # the server gives nodes back in the order of their ids
            inside.sort(key=lambda node: (str(node.started_at or ""), node.name))

    def roots(self) -> list[NodeStatus]:
        """The nodes that are in none: the workflow's own, and its exit handlers."""
        return [node for node in self._nodes.values() if not node.boundary_id and not _is_attempt(node)]

    def inside(self, node: NodeStatus) -> list[NodeStatus]:
        """The nodes drawn inside a node, oldest first."""
        match node.type:
            case "Retry":
                return [child for child in self._children(node) if _is_attempt(child)]
            case "Steps":
                groups = [one for one in self._inside.get(node.id, ()) if one.type == STEP_GROUP]
                return [child for group in groups for child in self._children(group)]
            case "TaskGroup":
                return self._members(node)
            case _:
                own = self._inside.get(node.id, ())
                return [one for one in own if one.type != STEP_GROUP and one.id not in self._grouped]

    def _children(self, node: NodeStatus) -> list[NodeStatus]:
        return [self._nodes[child] for child in node.children if child in self._nodes]

    def _members(self, group: NodeStatus) -> list[NodeStatus]:
        return [child for child in self._children(group) if child.name.startswith(group.name + "(")]


def _is_attempt(node: NodeStatus) -> bool:
    return node.node_flag is not None and bool(node.node_flag.retried)


def rows(workflow: Workflow) -> Iterator[tuple[str, NodeStatus]]:
    """Each node that is shown, with the branches drawn before it, depth first."""
    family = Family(workflow.status.nodes)
    for root in family.roots():
        yield "", root
        yield from _below(root, family, "")


def _below(node: NodeStatus, family: Family, indent: str) -> Iterator[tuple[str, NodeStatus]]:
    inside = family.inside(node)
    for i, child in enumerate(inside):
        is_last = i == len(inside) - 1
        yield indent + ("└─" if is_last else "├─"), child
        yield from _below(child, family, indent + ("  " if is_last else "│ "))


def render(workflow: Workflow, now: datetime, look: Look | None = None) -> Text:
    """The whole picture."""
    look = look or Look()
    is_wide = look.is_wide
    text = Text("\n".join(heading(workflow, now)) + "\n")
    shown = [(branch, node) for branch, node in rows(workflow) if look.keeps(node)]
    if not shown:
        return text
    width = max(len(branch) + len(node.display_name or node.name) for branch, node in shown) + 3
    pods = max((len(pod_name(workflow, node)) for _, node in shown), default=0) + 2
    made = {node.id: _artifact_names(node) for _, node in shown} if is_wide else {}
    artifacts = max([len("ARTIFACTS"), *map(len, made.values())]) + 1
    column = f"{'ARTIFACTS':<{artifacts}}" if is_wide else ""
    text.append(f"\n{'STEP':<{width}} {'TEMPLATE':<20} {'PODNAME':<{pods}} {'DURATION':<9} {column}MESSAGE\n", style="bold")
    for branch, node in shown:
        icon, style = ICONS.get(node.phase, ("?", ""))
        name = node.display_name or node.name
        if look.is_ascii:
            icon = ASCII.get(node.phase, "?")
        text.append(_plain(branch) if look.is_ascii else branch)
        text.append(icon, style=style)
        text.append(f" {name:<{width - len(branch) - 2}} {node.template_name:<20} {pod_name(workflow, node):<{pods}} ")
        column = f"{made[node.id]:<{artifacts}}" if is_wide else ""
        text.append(f"{duration(node.started_at, node.finished_at, now):<9} {column}{node.message}\n")
    return text


def _plain(branch: str) -> str:
    for sign, plain in ASCII.items():
        branch = branch.replace(sign, plain)
    return branch


def _artifact_names(node: NodeStatus) -> str:
    return ",".join(artifact.name for artifact in node.outputs.artifacts) if node.outputs is not None else ""

"""What must hold in every simulated run, checked against its history and not only its end.

Source: threats-and-faults 3.4 (I1 to I6, I8).
"""

import re
from collections.abc import Mapping
from typing import Any

from tiphys.engine.run import Run
from tiphys.model.order import NodeOrder
from tiphys.model.phases import COMPLETED, FULFILLED, POD, RUNNING
from tiphys.model.status import NodeStatus

Json = dict[str, Any]
TWO = 2
"""Limit of the semaphore."""
_LIMITS = {"locked": 1, "limited": TWO}
"""Templates that take a lock, and how many of them may run at once."""


class Broken(AssertionError):  # noqa: N818 the field's own word
    """An invariant does not hold."""


class History:
    """What has happened to the pods and to the stored nodes of one run."""

    def __init__(self, spec: Json) -> None:
        self._templates = {template["name"]: template for template in spec["templates"]}
        self._started: dict[str, str] = {}
        self._open: dict[str, str] = {}
        self._ends: dict[str, tuple[str, str]] = {}

    def starts(self, order: NodeOrder, run: Run) -> None:
        """A pod begins (I1, I3, I6).

        Raises:
            Broken: It began before, or before something that it waits for has ended, or its lock is full.
        """
        pod, node_name = order.pod_name, order.node_name
        if pod in self._started:
            raise Broken(f"I1: pod {pod} of {node_name} started twice")
        self._started[pod] = node_name
        self._check_order(node_name, run)
        limit = _LIMITS.get(order.template_name)
        holders = [name for name, template in self._open.items() if template == order.template_name]
        if limit is not None and len(holders) >= limit:
            raise Broken(f"I6: {node_name} started while {holders} ran, at most {limit} may")
        if not order.template.daemon:
            self._open[node_name] = order.template_name

    def ends(self, node_name: str) -> None:
        """A pod has ended, or is no more."""
        self._open.pop(node_name, None)

    @property
    def started(self) -> list[str]:
        """Names of all pods that ever began."""
        return list(self._started)

    def _check_order(self, node_name: str, run: Run) -> None:
        for prefix in self._must_have_ended(node_name, run):
            inside = (f"{prefix}.", f"{prefix}(", f"{prefix}[")
            late = sorted(name for name in self._open if name == prefix or name.startswith(inside))
            late = [name for name in late if not re.search(r"\.(onExit|hooks\.)", name.removeprefix(prefix))]
            if late:
                raise Broken(f"I3: {node_name} started while {late} had not ended")

    def _must_have_ended(self, node_name: str, run: Run) -> list[str]:
        """Names of what comes before a node, by the text of the spec: read from the names of the nodes around it."""
        found = []
        node = run.tree.find(node_name)
        while node is not None and node.boundary_id:
            body = run.tree.by_id(node.boundary_id)
            if body is None:
                break
            found += self._before(body, node)
            node = body
        return found

    def _before(self, body: NodeStatus, node: NodeStatus) -> list[str]:
        below = node.name.removeprefix(body.name)
        group = re.match(r"\[(\d+)\]", below)
        if group is not None:
            return [f"{body.name}[{i}]" for i in range(int(group.group(1)))]
        task = re.match(r"\.([\w-]+)", below)
        template = self._templates.get(body.template_name, {})
        tasks = {entry["name"]: entry for entry in template.get("dag", {}).get("tasks", ())}
        if task is None or task.group(1) not in tasks or re.match(r"\.[\w-]+\.(onExit|hooks\.)", below):
            return []
        entry = tasks[task.group(1)]
        named = entry.get("dependencies") or re.findall(r"\b(t\d+)\b", entry.get("depends", ""))
        return [f"{body.name}.{name}" for name in named]

    def written(self, nodes: Mapping[str, Json]) -> None:
        """A status was stored (I2).

        Raises:
            Broken: A node that had ended is something else now, or is gone.
        """
        for node_id, (phase, name) in self._ends.items():
            now = nodes.get(node_id, {}).get("phase", "gone")
            if now != phase:
                raise Broken(f"I2: node {name} was {phase} and is {now}")
        for node_id, node in nodes.items():
            if node.get("phase") in FULFILLED:
                self._ends.setdefault(node_id, (node["phase"], node["name"]))


def check_counters(run: Run) -> None:
    """Counters equal a full recount.

    Raises:
        Broken: One does not.
    """
    pods = [node for node in run.tree if node.type == POD and node.phase not in FULFILLED]
    # a Pending node that waits for a lock has no pod
    active = sum(node.phase == RUNNING or node.id in run.leaves for node in pods)
    if run.limits.active_pods != active:
        raise Broken(f"counters: {run.limits.active_pods} active pods, recounted {active}")


def check_end(status: Json, pods: list[str], *, collects: bool) -> None:
    """The end of a run (I4, I8).

    Raises:
        Broken: It has not ended, not all of it has, or something is left over.
    """
    if status.get("phase") not in COMPLETED:
        raise Broken(f"I4: not ended but {status.get('phase')!r}")
    running = [node["name"] for node in status.get("nodes", {}).values() if node["phase"] not in FULFILLED]
    if running:
        raise Broken(f"I4: ended, but {running} did not")
    if collects and pods:
        raise Broken(f"I8: pods left over: {pods}")


def end_of(status: Json) -> Json:
    """What must be the same whatever went wrong on the way: phases, messages, outputs, edges; not times."""
    left_out = ("startedAt", "finishedAt", "resourcesDuration", "hostNodeName")
    nodes = {
        node["name"]: {key: value for key, value in node.items() if key not in left_out}
        | {"children": sorted(node.get("children", ())), "outboundNodes": sorted(node.get("outboundNodes", ()))}
        for node in status.get("nodes", {}).values()
    }
    return {key: status.get(key) for key in ("phase", "message", "progress")} | {"nodes": nodes}


def check_same(wanted: Json, found: Json) -> None:
    """Two ends are the same (I5).

    Raises:
        Broken: They are not.
    """
    if wanted != found:
        raise Broken(f"I5: {_difference(wanted, found)}")


def _difference(wanted: Json, found: Json) -> str:
    """The first difference between two ends, in words."""
    for key in ("phase", "message", "progress"):
        if wanted[key] != found[key]:
            return f"{key}: {wanted[key]!r} without faults, {found[key]!r} with them"
    for name in sorted({*wanted["nodes"], *found["nodes"]}):
        one, other = wanted["nodes"].get(name), found["nodes"].get(name)
        if one != other:
            keys = [key for key in {**(one or {}), **(other or {})} if (one or {}).get(key) != (other or {}).get(key)]
            return f"node {name}: " + ", ".join(f"{k}: {(one or {}).get(k)!r} / {(other or {}).get(k)!r}" for k in sorted(keys))
    return "the order of nodes"

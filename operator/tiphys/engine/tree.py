"""The nodes of one run: created, changed and wired here and nowhere else, so that a patch knows what changed.

Source: argo-semantics 3.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from tiphys.engine.totals import Totals, leaf_progress
from tiphys.engine.transitions import check_transition
from tiphys.model import names
from tiphys.model.phases import CONTAINER, FULFILLED, LEAF_TYPES, PENDING, POD, RETRY, SKIPPED_TYPE, TASK_GROUP, is_fulfilled
from tiphys.model.status import NodeStatus

_OWN_OUTBOUND = frozenset({SKIPPED_TYPE, "Suspend", "HTTP", "Plugin"})


class NodeTree:
    """The nodes by id, what changed since the last `take_changes`, and the sums over what contains them.

    Attributes:
        nodes: By id, in order of creation; for reading only.
        totals: The sums.
    """

    def __init__(self, workflow: str, nodes: Mapping[str, NodeStatus]) -> None:
        self.workflow = workflow
        self.totals = Totals()
        self.nodes = dict(nodes)
        self._before: dict[str, NodeStatus | None] = {}
        self._phases: list[tuple[str, str, str]] = []
        self._edges: dict[str, set[str]] = {}
        self._drawn: dict[str, list[str]] = {}
        self._ids: dict[str, str] = {}
        self._names = {node.id: node.name for node in nodes.values()}
        self._with_containers = {node.boundary_id for node in nodes.values() if node.type == CONTAINER}

    def __iter__(self) -> Iterator[NodeStatus]:
        return iter(self.nodes.values())

    def __len__(self) -> int:
        return len(self.nodes)

    def id_of(self, name: str) -> str:
        """The id of the node called `name`, whether it exists or not; nobody else has it."""
        found = self._ids.get(name)
        if found is None:
            found = self._ids[name] = names.free_id(self.workflow, name, self._names)
        return found

    def find(self, name: str) -> NodeStatus | None:
        """The node called `name`."""
        node = self.nodes.get(self._ids.get(name) or self.id_of(name))
        return node if node is not None and node.name == name else None

    def by_id(self, node_id: str) -> NodeStatus | None:
        """The node with this id."""
        return self.nodes.get(node_id)

    def add(self, node: NodeStatus, container: str) -> NodeStatus:
        """A new node, contained in the node `container` (`totals.ROOT` for none)."""
        check_transition(node.name, "", node.phase)
        is_leaf = node.type in LEAF_TYPES
        if is_leaf and node.progress != (progress := leaf_progress(node.phase, node.progress)):
            node = msgspec.structs.replace(node, progress=progress)
        self._store(None, node)
        if node.type == CONTAINER:
            self._with_containers.add(node.boundary_id)
        self.totals.contain(node.id, container)
        if is_leaf or node.progress:
            self.totals.count(node)
        return node

    def adopt(self, node: NodeStatus, container: str) -> None:
        """Say what contains a node that was there before this run was restored."""
        if not self.totals.contain(node.id, container):
            return
        if node.type in LEAF_TYPES:
            self.totals.count(node)
        elif is_fulfilled(node):
            self.totals.count_whole(node)

    def change(self, node_id: str, now: datetime, **fields: Any) -> NodeStatus:
        """Change fields of a node; `now` becomes `finished_at` once it is fulfilled, unless given.

        Raises:
            IllegalTransition: The phase may not change so; nothing was changed.
        """
        old = self.nodes[node_id]
        if "phase" in fields:
            check_transition(old.name, old.phase, fields["phase"])
        phase = fields.get("phase", old.phase)
        is_up = bool(fields.get("daemoned", old.daemoned)) and phase != PENDING
        if (phase in FULFILLED or is_up) and fields.get("finished_at", old.finished_at) is None:
            fields["finished_at"] = now
        if old.type in LEAF_TYPES:
            fields["progress"] = leaf_progress(phase, fields.get("progress") or old.progress)
        new = msgspec.structs.replace(old, **fields)
        if phase == old.phase and new == old:
            return old
        self._store(old, new)
        if new.type in LEAF_TYPES:
            self.totals.count(new)
        return new

    def attach(self, parent_id: str, child_id: str) -> None:
        """Draw an edge; drawing it twice draws it once. It is stored by `settle`, all new edges of a node at once."""
        parent = self.nodes.get(parent_id)
        if parent is None:
            return
        edges = self._edges.get(parent_id)
        if edges is None:
            edges = self._edges[parent_id] = set(parent.children)
        if child_id not in edges:
            edges.add(child_id)
            self._drawn.setdefault(parent_id, []).append(child_id)

    def children(self, node_id: str) -> tuple[str, ...]:
        """Ids of what is attached to the node, in order of attachment."""
        return (*self.nodes[node_id].children, *self._drawn.get(node_id, ()))

    def settle(self) -> tuple[str, dict[str, int]] | None:
        """Write new edges and sums onto the nodes they belong to; the sums of the workflow itself, when they changed."""
        drawn, self._drawn = self._drawn, {}
        for parent_id, added in drawn.items():
            parent = self.nodes[parent_id]
            self._store(parent, msgspec.structs.replace(parent, children=(*parent.children, *added)))
        root = None
        for node_id, progress, durations in self.totals.take():
            node = self.nodes.get(node_id)
            if node is None:
                root = (progress, durations)
            elif node.progress != progress or node.resources_duration != durations:
                self._store(node, msgspec.structs.replace(node, progress=progress, resources_duration=durations))
        return root

    def take_changes(self) -> list[tuple[NodeStatus | None, NodeStatus]]:
        """Each changed node as it was at the last call (None for a new one) and as it is."""
        before, self._before = self._before, {}
        return [(old, self.nodes[node_id]) for node_id, old in before.items()]

    def outbound(self, node: NodeStatus) -> list[str]:
        """Ids of the last nodes inside a node, to which what follows it is attached. Source: argo-semantics 3.5."""
        if node.type == POD and node.id not in self._with_containers:
            return [node.id]
        found: dict[str, None] = {}
        stack = [node.id]
        while stack:
            inner = self.nodes.get(stack.pop())
            if inner is None:
                continue
            deeper = self._last_inside(inner)
            if deeper:
                stack.extend(reversed(deeper))
            else:
                found[inner.id] = None
        return list(found)

    def _last_inside(self, node: NodeStatus) -> tuple[str, ...]:
        if node.type in (POD, CONTAINER):
            pod_id = node.id if node.type == POD else node.boundary_id
            children = (self.nodes.get(child) for child in self.children(node.id))
            return tuple(c.id for c in children if c is not None and c.type == CONTAINER and c.boundary_id == pod_id)
        if node.type in _OWN_OUTBOUND:
            return ()
        if node.type == RETRY:
            attempts = self.attempts(node)
            return (attempts[-1].id,) if attempts else ()
        if node.type == TASK_GROUP:
            return self.children(node.id)
        return node.outbound_nodes

    def attempts(self, node: NodeStatus) -> list[NodeStatus]:
        """The attempts of a Retry node, oldest first; its hooks left out."""
        children = (self.nodes.get(child) for child in self.children(node.id))
        return [child for child in children if child is not None and child.node_flag is not None and child.node_flag.retried]

    def take_phases(self) -> list[tuple[str, str, str]]:
        """Node id, phase before ("" for a new node) and phase after, for each change of a phase since the last call."""
        phases, self._phases = self._phases, []
        return phases

    def _store(self, old: NodeStatus | None, new: NodeStatus) -> None:
        before = old.phase if old else ""
        if new.phase != before:
            self._phases.append((new.id, before, new.phase))
        node_id = new.id
        if node_id not in self._before:
            self._before[node_id] = old
        self.nodes[node_id] = new

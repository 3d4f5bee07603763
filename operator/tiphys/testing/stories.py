"""Stories: a workflow, and turn by turn what happens to it and what it must then do; written in YAML, one behaviour each.

A story is told twice: to one run that lives through it, and to one that is made anew from what is stored before each turn.

A file is a list of stories:

    - name: a failed step fails its group and nothing after it starts
      rule: "6"
      steps: [[{name: a, template: leaf}], [{name: b, template: leaf}]]   # or `dag: [tasks]`, or `spec:` in full
      metadata: {...}         # labels, annotations, creationTimestamp of the workflow
      limits: {...}           # of semaphores, by key
      templates: [...]        # beside the leaf, retry, wait, body and server templates that every story has
      for: [{x: 1}, {x: 2}]   # told once for each, `<x>` replaced in all texts
      turns:
      - starts: [a]           # always checked; nothing when it is left out
      - ends: {a: Failed}
        nodes: {a: Failed, "[0]": Failed}
        workflow: "Failed: child 'hello-2217536542' failed"

What may happen in a turn: `runs`, `ends`, `gone`, `refuses`, `delays`, `passes` (seconds), `edits` (fields of the spec),
`resumes` (a selector), `sets`. What is checked: `starts`, `stops`, `nodes`, `workflow`, `args`, `wants` (whose result is asked
for), `outputs`, `children`, `last` (nodes at the end of a body), `absent`, `collects`, `conditions`.
A node is called by its display name, or by its name where that is not enough.
"""

import copy
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import msgspec
import yaml

from tiphys.engine.actions import CollectNode
from tiphys.engine.events import Event, NodeGone, NodeReported, SpecChanged, StartDelayed, StartRefused, Woke
from tiphys.engine.operations.suspension import NodeChange, resume, set_nodes
from tiphys.engine.patch import merge
from tiphys.model.parse import parse_workflow, to_json
from tiphys.model.report import NodeReport
from tiphys.model.workflow import Workflow
from tiphys.testing.shared import Shared
from tiphys.testing.world import World

Json = dict[str, Any]
_TEMPLATES = """
- name: leaf
  inputs: {parameters: [{name: m, value: "-"}]}
  container: {image: i, command: [c], args: ["{{inputs.parameters.m}}"]}
- {name: gives, container: {image: i, command: [c]}, outputs: {parameters: [{name: p, valueFrom: {path: /p}}]}}
- {name: may-give, container: {image: i, command: [c]}, outputs: {parameters: [{name: p, valueFrom: {path: /p, default: none}}]}}
- {name: again, retryStrategy: {limit: 2}, container: {image: i, command: [c], args: ["{{retries}}"]}}
- {name: wait, suspend: {}}
- {name: nap, suspend: {duration: "10"}}
- {name: server, daemon: true, container: {image: i, command: [c]}}
- {name: inner, steps: [[{name: x, template: leaf}], [{name: y, template: leaf}]]}
- {name: graph, dag: {tasks: [{name: x, template: leaf}, {name: y, template: leaf, depends: x}]}}
"""
_DOES = frozenset({"runs", "ends", "gone", "refuses", "delays", "passes", "edits", "resumes", "sets"})
_CHECKS = frozenset({
    "starts", "stops", "nodes", "workflow", "args", "wants", "outputs", "children", "last", "absent", "collects", "conditions",
})  # fmt: skip
_HEAD = frozenset({"name", "rule", "spec", "steps", "dag", "leaf", "templates", "for", "turns", "more", "metadata", "limits"})


class StoryError(AssertionError):
    """A story is not well written, or does not come true."""


class Story:
    """One behaviour.

    Attributes:
        name: The behaviour, as a sentence.
        rule: Where it is written down.
        turns: What happens, and what must come of it.
        limits: Of semaphores, by their keys.
    """

    def __init__(self, written: Json) -> None:
        unknown = set(written) - _HEAD
        if unknown:
            raise StoryError(f"{written.get('name')}: unknown keys {sorted(unknown)}")
        self.name: str = written["name"]
        self.rule: str = written["rule"]
        self.turns: list[Json] = written["turns"]
        self.limits: dict[str, int] = written.get("limits", {})
        self._written = written
        for turn in self.turns:
            if set(turn) - _DOES - _CHECKS:
                raise StoryError(f"{self.name}: unknown keys {sorted(set(turn) - _DOES - _CHECKS)} in a turn")
        if not any(set(turn) & _CHECKS for turn in self.turns):
            raise StoryError(f"{self.name}: nothing is checked")

    def workflow(self) -> Workflow:
        """The workflow of the story."""
        written = self._written
        spec: Json = copy.deepcopy(written.get("spec") or {})
        more = copy.deepcopy(written.get("more") or {})
        own: list[Json] = copy.deepcopy(written.get("templates") or [])
        for kind, body in (("steps", written.get("steps")), ("dag", written.get("dag"))):
            if body is not None:
                own.insert(0, {"name": "main", kind: {"tasks": body} if kind == "dag" else body, **more})
        if "leaf" in written:
            own.insert(0, {"name": "main", "container": {"image": "i", "command": ["c"]}, **written["leaf"]})
        names = {template["name"] for template in own}
        shared = [template for template in yaml.safe_load(_TEMPLATES) if template["name"] not in names]
        spec = {"entrypoint": "main", **spec, "templates": [*own, *spec.get("templates", []), *shared]}
        metadata = {"name": "hello", "namespace": "ns", "uid": "u", **written.get("metadata", {})}
        return parse_workflow({"metadata": metadata, "spec": spec})

    def tell(self, *, restores: bool) -> None:
        """Let it happen.

        Raises:
            StoryError: It does not come true.
        """
        told = _Told(self, restores=restores)
        for number, turn in enumerate(self.turns):
            try:
                told.turn(turn)
            except StoryError as e:
                way = "restored before each turn" if restores else "lived through"
                raise StoryError(f"{self.name}: turn {number} ({way}): {e}") from e


class _Told:
    """A story on its way."""

    def __init__(self, story: Story, *, restores: bool) -> None:
        self.world = World(story.workflow(), lambda _order: {"hangs": True}, restores=restores, shared=Shared(story.limits))
        self._orders = 0
        self._actions = 0
        self._stopped = 0

    def turn(self, turn: Json) -> None:
        """What happens in a turn, and what must come of it."""
        if "edits" in turn:
            merge(self.world.stored, {"spec": turn["edits"]})
            self.world.send(SpecChanged(parse_workflow(self.world.stored)))
        for event in self._events(turn):
            self.world.observe(event)
        self.world.hear_answers()
        self._check(turn)
        self._orders, self._actions = len(self.world.orders), len(self.world.actions)
        self._stopped = len(self.world.stopped)

    def _events(self, turn: Json) -> Iterator[Event]:
        for name, said in _pairs(turn.get("runs")):
            yield NodeReported(_report(self._id(name), {"phase": "Running", **said}))
        for name, said in _pairs(turn.get("ends")):
            yield NodeReported(_report(self._id(name), {"is_final": True, "finished_at": self.world.now, **said}))
        for name in turn.get("gone", ()):
            yield NodeGone(self._id(name))
        for name, message in (turn.get("refuses") or {}).items():
            yield StartRefused(self._id(name), message)
        for name, message in (turn.get("delays") or {}).items():
            yield StartDelayed(self._id(name), message)
        if "resumes" in turn or "sets" in turn:
            yield SpecChanged(self._operated(turn), nodes_changed=True)
        if "passes" in turn:
            self.world.now += timedelta(seconds=turn["passes"])
            yield Woke()

    def _operated(self, turn: Json) -> Workflow:
        workflow = parse_workflow(self.world.stored)
        if "resumes" in turn:
            changed = resume(workflow, self.world.now, selector=turn["resumes"] or "")
        else:
            said = dict(turn["sets"])
            changed = set_nodes(workflow, said.pop("selector"), NodeChange(**said), self.world.now)
        self.world.stored = to_json(changed)
        return changed

    def _id(self, name: str) -> str:
        return str(self._node(name)["id"])

    def _node(self, name: str) -> Json:
        nodes = self.world.stored.get("status", {}).get("nodes", {}).values()
        found = [node for node in nodes if node["name"] == name] or [node for node in nodes if node["displayName"] == name]
        if len(found) != 1:
            raise StoryError(f"{len(found)} nodes are called {name!r}; there are {sorted(node['name'] for node in nodes)}")
        return dict(found[0])

    def _short(self, name: str) -> str:
        """The name a story calls a node by."""
        shown = str(self._node(name)["displayName"])
        nodes = self.world.stored["status"]["nodes"].values()
        return shown if sum(node["displayName"] == shown for node in nodes) == 1 else name

    def _check(self, turn: Json) -> None:
        orders = self.world.orders[self._orders :]
        _same("starts", sorted(turn.get("starts", ())), sorted(self._short(order.node_name) for order in orders))
        stopped = self.world.stopped[self._stopped :]
        _same("stops", sorted(self._id(name) for name in turn.get("stops", ())), sorted(stopped))
        args = {self._short(order.node_name): " ".join(order.template.container["args"]) for order in orders
                if order.template.container and "args" in order.template.container}  # fmt: skip
        for name, text in (turn.get("args") or {}).items():
            _same(f"args of {name}", text, args.get(name))
        for name, said in (turn.get("nodes") or {}).items():
            _same(f"node {name}", _said(said), _shown(self._node(name), said))
        for name, said in (turn.get("outputs") or {}).items():
            _same(f"outputs of {name}", said, _outputs(self._node(name) if name != "workflow" else self.world.stored["status"]))
        if "wants" in turn:
            _same("wants", turn["wants"], sorted(self._short(order.node_name) for order in orders if order.wants_result))
        for key, field in (("children", "children"), ("last", "outboundNodes")):
            for name, wanted in (turn.get(key) or {}).items():
                found = [self._by_id(other)["displayName"] for other in self._node(name).get(field, ())]
                _same(f"{key} of {name}", wanted, found)
        names = {node["name"] for node in self.world.stored.get("status", {}).get("nodes", {}).values()}
        shown = {node["displayName"] for node in self.world.stored.get("status", {}).get("nodes", {}).values()}
        _same("absent", [], [name for name in turn.get("absent", ()) if name in names | shown])
        if "workflow" in turn:
            _same("workflow", _said(turn["workflow"]), _shown(self.world.stored.get("status", {}), turn["workflow"]))
        if "conditions" in turn:
            conditions = self.world.stored.get("status", {}).get("conditions", ())
            _same("conditions", turn["conditions"], {each["type"]: each["status"] for each in conditions})
        if "collects" in turn:
            actions = self.world.actions[self._actions :]
            ids = sorted(action.node_id for action in actions if isinstance(action, CollectNode))
            _same("collects", sorted(self._id(name) for name in turn["collects"]), ids)

    def _by_id(self, node_id: str) -> Json:
        return dict(self.world.stored["status"]["nodes"][node_id])


def _pairs(said: object) -> list[tuple[str, Json]]:
    """Nodes and fields of their reports, from a list of names, or a mapping of names to a phase or to fields."""
    if isinstance(said, list):
        return [(str(name), {}) for name in said]
    pairs: list[tuple[str, Json]] = []
    for name, fields in (said or {}).items():  # type: ignore[attr-defined]
        pairs.append((name, dict(fields) if isinstance(fields, Mapping) else {"phase": fields, **_of_phase(fields)}))
    return pairs


def _report(node_id: str, fields: Json) -> NodeReport:
    """A report; its containers are told as nodes are."""
    containers = {name: {"node_id": node_id, **said} for name, said in _pairs(fields.get("containers"))}
    return msgspec.convert({"node_id": node_id, **fields, "containers": containers}, NodeReport)


def _of_phase(phase: str) -> Json:
    if phase == "Failed":
        return {"exit_code": 1, "message": "main: Error (exit code 1)"}
    return {"exit_code": 0} if phase == "Succeeded" else {}


def _said(said: str | Json) -> Json:
    if not isinstance(said, str):
        return {key: said[key] for key in sorted(said)}
    phase, colon, message = said.partition(": ")
    return {"phase": phase, **({"message": message} if colon else {})}


def _shown(status: Json, said: str | Json) -> Json:
    return {key: msgspec.json.decode(msgspec.json.encode(status.get(key, ""))) for key in _said(said)}


def _outputs(status: Json) -> Json:
    outputs = status.get("outputs") or {}
    values = {entry["name"]: entry.get("value") for entry in outputs.get("parameters", ())}
    return values | {key: outputs[key] for key in ("result", "exitCode") if key in outputs}


def _same(what: str, wanted: object, found: object) -> None:
    if wanted != found:
        raise StoryError(f"{what}: wanted {wanted!r}, found {found!r}")


def read_stories(text: str) -> list[Story]:
    """The stories of a file, one for each case of those that have several."""
    found = []
    for written in yaml.safe_load(text):
        for case in written.get("for") or [{}]:
            kept = {key: value for key, value in written.items() if key != "for"}
            found.append(Story(_filled(kept, case)))
    return found


def _filled(value: Any, case: Mapping[str, Any]) -> Any:
    """The value with `<key>` replaced in all its texts; a text that is nothing but `<key>` becomes the value itself."""
    if isinstance(value, str):
        whole = re.fullmatch(r"<(\w+)>", value)
        if whole and whole.group(1) in case:
            return case[whole.group(1)]
        return re.sub(r"<(\w+)>", lambda found: str(case.get(found.group(1), found.group())), value)
    if isinstance(value, dict):
        return {_filled(key, case): _filled(part, case) for key, part in value.items()}
    return [_filled(part, case) for part in value] if isinstance(value, list) else value

"""Unit tests of workflows: what its steps do is said beforehand, time is virtual, the engine is the real one.

trial = Trial.of("coin-flip.yaml").mock("flip-coin", result="heads").play()
assert trial.phase == "Succeeded"
assert trial.phases["tails"] == "Skipped"
"""

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import msgspec
import yaml

from tiphys.engine.events import SpecChanged
from tiphys.engine.library import Library, scope_of
from tiphys.engine.operations import suspension
from tiphys.engine.operations.parameters import override
from tiphys.engine.premises import Premises
from tiphys.engine.templates import kind_of
from tiphys.errors import SpecError
from tiphys.model.base import json_name
from tiphys.model.locations import ArtifactRepository, ArtifactRepositoryRefStatus, S3ArtifactRepository
from tiphys.model.order import NodeOrder
from tiphys.model.parse import nearest, parse_as, parse_workflow, to_json
from tiphys.model.phases import ERROR, FAILED, RUNNING, SUSPEND, is_fulfilled
from tiphys.model.status import NodeStatus
from tiphys.model.workflow import Workflow, WorkflowTemplate
from tiphys.testing.shared import Shared
from tiphys.testing.world import START, World

_ATTEMPT = re.compile(r"\((\d+)\)$")
_MEMBER = re.compile(r"\(\d+(:.*)?\)$")
_STORE = ArtifactRepository(s3=S3ArtifactRepository(bucket="trial", endpoint="trial"))
_REPOSITORY = ArtifactRepositoryRefStatus(artifact_repository=_STORE)


class Mock(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What a step or template does instead of running.

    Attributes:
        result: Its standard output.
        outputs: Output parameters by name.
        exit_code: 0 for success.
        error: It ends as Error with this message.
        fail: So many first tries fail.
        seconds: How long it takes.
        answer: For suspend templates: outputs that somebody sets; an empty one just resumes.
    """

    result: str | None = None
    outputs: dict[str, str] = {}
    exit_code: int = 0
    error: str = ""
    fail: int = 0
    seconds: float = 0
    answer: dict[str, str] | None = None


class Trial:
    """One play of a workflow.

    Attributes:
        world: What happened, once played.
    """

    world: World

    def __init__(
        self, workflow: Workflow, library: Library | None = None, config_maps: Mapping[str, Mapping[str, str]] | None = None
    ) -> None:
        self._workflow = workflow
        self._library = library or Library()
        self._config_maps = config_maps or {}
        self._mocks: dict[str, Mock] = {}
        self._used: set[str] = set()

    @classmethod
    def of(cls, file: str | Path, *more: str | Path) -> Self:
        """The trial of the Workflow in a file; `more` files or folders have templates and ConfigMaps that it reads.

        Raises:
            SpecError: There is not just one Workflow.
        """
        documents = [one for path in (file, *more) for one in _documents(Path(path))]
        workflows = [one for one in documents if one.get("kind") == "Workflow"]
        if len(workflows) != 1:
            raise SpecError(f"expected one Workflow in {file}, found {len(workflows)}")
        manifest = workflows[0]
        meta = manifest.setdefault("metadata", {})
        meta.setdefault("name", f"{meta.get('generateName', 'trial-')}trial")
        meta["uid"] = "trial"
        specs = {}
        for one in documents:
            if one.get("kind") in ("WorkflowTemplate", "ClusterWorkflowTemplate"):
                is_cluster = one["kind"] == "ClusterWorkflowTemplate"
                specs[scope_of(one["metadata"]["name"], cluster_scope=is_cluster)] = parse_as(WorkflowTemplate, one).spec
        maps = {one["metadata"]["name"]: one.get("data") or {} for one in documents if one.get("kind") == "ConfigMap"}
        return cls(parse_workflow(manifest), Library(specs), maps)

    def given(self, **parameters: str) -> Self:
        """Set arguments of the workflow."""
        self._workflow = override(self._workflow, parameters)
        return self

    def mock(self, name: str, **does: Any) -> Self:
        """Say what a step (by its display name, with or without its loop item) or a template does; see `Mock`.

        Raises:
            SpecError: There is no such thing to say.
        """
        try:
            self._mocks[name] = msgspec.convert({json_name(key): value for key, value in does.items()}, Mock, strict=False)
        except msgspec.ValidationError as e:
            field = str(e).partition("`")[2].partition("`")[0]
            known = [one.encode_name for one in msgspec.structs.fields(Mock)]
            raise SpecError(f"mock {name!r}: {e}{nearest(field, known)}") from e
        return self

    def play(self) -> Self:
        """Let it run to its end, or until it waits for an answer that nobody gives."""
        premises = Premises(library=self._library)
        shared = Shared(self._limits(), self._config_maps)
        self.world = World(self._workflow, self._behave, repository=_REPOSITORY, premises=premises, shared=shared)
        self.world.play()
        while self._answer():
            self.world.play()
        return self

    def _limits(self) -> dict[str, int]:
        """Of semaphores: what in ConfigMaps is a number."""
        where = self._workflow.metadata.namespace
        return {
            f"{where}/ConfigMap/{name}/{key}": int(value)
            for name, values in self._config_maps.items()
            for key, value in values.items()
            if value.strip().isdecimal() and int(value) > 0
        }

    def _find(self, display_name: str, template: str) -> Mock | None:
        bare = _MEMBER.sub("", display_name)
        for name in (display_name, bare, template):
            if name in self._mocks:
                self._used.add(name)
                return self._mocks[name]
        return None

    def _behave(self, order: NodeOrder) -> Mapping[str, Any]:
        node = self.world.run.tree.by_id(order.node_id) if hasattr(self, "world") else None
        display = node.display_name if node is not None else order.node_name
        attempt = 0
        if node is not None and node.node_flag is not None and node.node_flag.retried and (found := _ATTEMPT.search(display)):
            attempt, display = int(found.group(1)), display[: found.start()]
        said = self._find(display, order.template_name) or Mock()
        staged = {"is_staged": True} if order.template.outputs.artifacts else {}
        if said.error:
            return {"phase": ERROR, "message": said.error, "exit_code": None, "seconds": said.seconds, **staged}
        code = said.exit_code or (1 if attempt < said.fail else 0)
        if code:
            message = f"main: Error (exit code {code})"
            return {"phase": FAILED, "message": message, "exit_code": code, "seconds": said.seconds, **staged}
        outputs = order.template.outputs.parameters
        declared = {one.name: one.value_from.default or "" for one in outputs if one.value_from is not None}
        made: dict[str, Any] = {
            "parameters": {**declared, **said.outputs}, "seconds": said.seconds, "host_node_name": "trial", **staged,
        }  # fmt: skip
        if said.result is not None:
            made["result"] = said.result
        return made

    def _answer(self) -> bool:
        """Answer the suspended nodes that a mock answers."""
        stored = parse_workflow(self.world.stored)
        for node in stored.status.nodes.values():
            if node.type != SUSPEND or node.phase != RUNNING:
                continue
            said = self._find(node.display_name, node.template_name)
            if said is None or said.answer is None:
                continue
            selector = f"id={node.id}"
            change = suspension.NodeChange(outputs=said.answer)
            changed = suspension.set_nodes(stored, selector, change, self.world.now) if said.answer else stored
            changed = suspension.resume(changed, self.world.now, selector=selector)
            self.world.stored["status"] = to_json(changed)["status"]
            self.world.send(SpecChanged(changed, nodes_changed=True))
            return True
        return False

    # --- what came of it

    @property
    def workflow(self) -> Workflow:
        """The workflow as it is now."""
        return parse_workflow(self.world.stored)

    @property
    def phase(self) -> str:
        """Its phase."""
        return self.workflow.status.phase

    @property
    def phases(self) -> dict[str, str]:
        """Display name -> phase, of all nodes."""
        return {node.display_name: node.phase for node in self.workflow.status.nodes.values()}

    @property
    def order(self) -> list[str]:
        """Display names of what was run, in the order in which it began; attempts once."""
        nodes = self.workflow.status.nodes
        return list(dict.fromkeys(_run_name(nodes[order.node_id]) for order in self.world.orders))

    def node(self, name: str) -> NodeStatus:
        """The node with a display name.

        Raises:
            SpecError: There is none.
        """
        nodes = {node.display_name: node for node in self.workflow.status.nodes.values()}
        if name not in nodes:
            raise SpecError(f"no node {name!r}{nearest(name, list(nodes))}")
        return nodes[name]

    def inputs(self, name: str) -> dict[str, str]:
        """The input parameters that a node got."""
        found = self.node(name).inputs
        return {one.name: one.value or "" for one in found.parameters} if found else {}

    def outputs(self, name: str = "") -> dict[str, str]:
        """The output parameters of a node; of the workflow's entry point without a name."""
        found = self.node(name or self._workflow.metadata.name).outputs
        return {one.name: one.value or "" for one in found.parameters} if found else {}

    def tries(self, name: str) -> int:
        """How often a step was run."""
        nodes = self.workflow.status.nodes
        ran = [nodes[order.node_id].display_name for order in self.world.orders if order.node_id in nodes]
        return sum(_ATTEMPT.sub("", one) == name for one in ran)

    @property
    def seconds(self) -> float:
        """How long it took, in virtual time."""
        return (self.world.now - START) / timedelta(seconds=1)

    @property
    def unused_mocks(self) -> list[str]:
        """Mocks that nothing asked for: misspelt, perhaps."""
        return [name for name in self._mocks if name not in self._used]

    def templates_run(self) -> set[str]:
        """The workflow's templates that were called."""
        return {node.template_name for node in self.workflow.status.nodes.values() if node.template_name and is_fulfilled(node)}

    def branches_taken(self) -> set[tuple[str, str]]:
        """Conditions and how they came out: template and step, `yes` or `no`."""
        taken = set()
        for template in self._workflow.spec.templates:
            for name in conditional_steps(template):
                for node in self.workflow.status.nodes.values():
                    if _MEMBER.sub("", node.display_name) == name:
                        taken.add((f"{template.name}/{name}", "no" if node.phase in ("Skipped", "Omitted") else "yes"))
        return taken


def conditional_steps(template: Any) -> Iterable[str]:
    """The steps and tasks of a template that a condition decides about."""
    steps = [step for group in template.steps for step in group] + list(template.dag.tasks if template.dag else ())
    return [step.name for step in steps if step.when or (getattr(step, "depends", "") and "." in step.depends)]


def all_templates(workflow: Workflow) -> dict[str, str]:
    """Name -> kind of the workflow's own templates."""
    return {template.name: kind_of(template) for template in workflow.spec.templates}


def _run_name(node: NodeStatus) -> str:
    """What is run: attempts at a step are that step."""
    is_attempt = node.node_flag is not None and node.node_flag.retried
    return _ATTEMPT.sub("", node.display_name) if is_attempt else node.display_name


def _documents(path: Path) -> list[dict[str, Any]]:
    files = sorted(file for file in path.rglob("*") if file.suffix in (".yaml", ".yml", ".json")) if path.is_dir() else [path]
    files = [file for file in files if not file.name.endswith(".test.yaml")]
    return [one for file in files for one in yaml.load_all(file.read_text(), yaml.CSafeLoader) if isinstance(one, dict)]

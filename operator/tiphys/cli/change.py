"""`delete`, `stop`, `terminate`, `suspend`, `resume`: what users do to live workflows.

Source: argo-semantics 13.
"""

from datetime import UTC, datetime
from typing import Annotated

import msgspec
from cyclopts import Parameter

from tiphys.cli.session import Where, all_workflows, read_workflow, with_api
from tiphys.cluster.api import Api
from tiphys.engine.suspend import supplied
from tiphys.errors import SpecError
from tiphys.model.base import Json
from tiphys.model.parse import to_json
from tiphys.model.phases import COMPLETED, RUNNING, SUCCEEDED, SUSPEND
from tiphys.model.workflow import Workflow


def delete(
    *names: str,
    all_: Annotated[bool, Parameter(name="--all")] = False,
    completed: bool = False,
    prefix: str = "",
    selector: Annotated[str, Parameter(name=["--selector", "-l"])] = "",
    dry_run: bool = False,
    where: Where | None = None,
) -> int:
    """Delete workflows."""

    async def work(api: Api, namespace: str) -> int:
        chosen = list(names)
        if all_ or completed or prefix or selector:
            async for workflow in all_workflows(api, namespace, selector):
                is_chosen = workflow.metadata.name.startswith(prefix) and (not completed or workflow.status.phase in COMPLETED)
                chosen += [workflow.metadata.name] if is_chosen else []
        if not chosen:
            print("No resources found")
        for name in chosen:
            if not dry_run:
                await api.delete("Workflow", namespace, name)
            print(f"Workflow '{name}' deleted" + (" (dry run)" if dry_run else ""))
        return 0

    return with_api(where, work)


def _patch_each(names: tuple[str, ...], where: Where | None, patch: Json, done: str, refuse: str) -> int:
    async def work(api: Api, namespace: str) -> int:
        for name in names:
            workflow = await read_workflow(api, namespace, name)
            if workflow.status.phase in COMPLETED:
                raise SpecError(refuse.format(name=name, namespace=namespace))
            await api.patch("Workflow", namespace, workflow.metadata.name, patch)
            print(f"workflow {workflow.metadata.name} {done}")
        return 0

    return with_api(where, work)


_FINISHED = 'cannot shutdown a completed workflow: workflow: "{name}", namespace: "{namespace}"'


def stop(*names: str, where: Where | None = None) -> int:
    """Stop workflows; exit handlers run."""
    return _patch_each(names, where, {"spec": {"shutdown": "Stop"}}, "stopped", _FINISHED)


def terminate(*names: str, where: Where | None = None) -> int:
    """End workflows at once; exit handlers do not run."""
    return _patch_each(names, where, {"spec": {"shutdown": "Terminate"}}, "terminated", _FINISHED)


def suspend(*names: str, where: Where | None = None) -> int:
    """Start nothing new in workflows."""
    return _patch_each(names, where, {"spec": {"suspend": True}}, "suspended", "cannot suspend completed workflows")


def resume(*names: str, where: Where | None = None) -> int:
    """Let suspended workflows and their suspend nodes go on."""

    async def work(api: Api, namespace: str) -> int:
        for name in names:
            workflow = await read_workflow(api, namespace, name)
            version = workflow.metadata.resource_version
            patch = resumed(workflow, datetime.now(UTC).replace(microsecond=0))  # noqa: TID251 the user resumes now
            await api.patch("Workflow", namespace, workflow.metadata.name, patch, resource_version=version)
            print(f"workflow {workflow.metadata.name} resumed")
        return 0

    return with_api(where, work)


def resumed(workflow: Workflow, now: datetime) -> Json:
    """The patch that lets a workflow and its suspend nodes go on.

    Raises:
        SpecError: An awaited output has neither a value nor a default.
    """
    nodes = {}
    for node in workflow.status.nodes.values():
        if node.type == SUSPEND and node.phase == RUNNING:
            outputs = supplied(node.outputs)
            new = msgspec.structs.replace(node, phase=SUCCEEDED, finished_at=now, outputs=outputs, progress="1/1")
            nodes[node.id] = to_json(new)
    return {"spec": {"suspend": None}, **({"status": {"nodes": nodes}} if nodes else {})}

"""`delete`, `stop`, `terminate`, `suspend`, `resume`, `node`: what users do to live workflows.

Source: argo-semantics 13.
"""

import contextlib
from collections.abc import Callable
from typing import Annotated

from cyclopts import Parameter

from tiphys.cli.session import Where, all_workflows, edit_workflow, now, with_api
from tiphys.cluster.api import Api
from tiphys.engine.operations import suspension
from tiphys.engine.operations.parameters import parse_pairs
from tiphys.errors import NotFound, SpecError
from tiphys.model.phases import COMPLETED
from tiphys.model.workflow import Workflow

NodeSelector = Annotated[str, Parameter(name=["--node-field-selector"])]


def delete(  # noqa: PLR0913 as many options as Argo's
    *names: str,
    all_: Annotated[bool, Parameter(name="--all")] = False,
    completed: bool = False,
    prefix: str = "",
    selector: Annotated[str, Parameter(name=["--selector", "-l"])] = "",
    dry_run: bool = False,
    force: bool = False,
    where: Where | None = None,
) -> int:
    """Delete workflows; with --force at once, whatever waits for their artifacts."""

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
                await _delete(api, namespace, name, force=force)
            print(f"Workflow '{name}' deleted" + (" (dry run)" if dry_run else ""))
        return 0

    return with_api(where, work)


async def _delete(api: Api, namespace: str, name: str, *, force: bool) -> None:
    if force:
        with contextlib.suppress(NotFound):
            await api.patch("Workflow", namespace, name, {"metadata": {"finalizers": None}})
    await api.delete("Workflow", namespace, name)


def _change_each(names: tuple[str, ...], where: Where | None, change: Callable[[Workflow], Workflow], done: str) -> int:
    async def work(api: Api, namespace: str) -> int:
        for name in names:
            changed = await edit_workflow(api, namespace, name, change)
            print(done.format(changed.metadata.name))
        return 0

    return with_api(where, work)


def stop(*names: str, node_field_selector: NodeSelector = "", message: str = "", where: Where | None = None) -> int:
    """Stop workflows, exit handlers run; with --node-field-selector, fail their suspend nodes that match."""
    return _change_each(
        names,
        where,
        lambda workflow: suspension.stop(workflow, now(), selector=node_field_selector, message=message),
        "workflow {} stopped",
    )


def terminate(*names: str, where: Where | None = None) -> int:
    """End workflows at once; exit handlers do not run."""
    return _change_each(names, where, lambda workflow: suspension.shut_down(workflow, "Terminate"), "workflow {} terminated")


def suspend(*names: str, where: Where | None = None) -> int:
    """Start nothing new in workflows."""
    return _change_each(names, where, suspension.suspend, "workflow {} suspended")


def resume(*names: str, node_field_selector: NodeSelector = "", where: Where | None = None) -> int:
    """Let suspended workflows and their suspend nodes go on; with --node-field-selector, only the nodes that match."""
    return _change_each(
        names, where, lambda workflow: suspension.resume(workflow, now(), selector=node_field_selector), "workflow {} resumed"
    )


def set_node(
    name: str,
    *,
    node_field_selector: NodeSelector = "",
    phase: str = "",
    message: Annotated[str, Parameter(name=["--message", "-m"])] = "",
    output_parameter: Annotated[list[str] | None, Parameter(name=["--output-parameter", "-p"])] = None,
    where: Where | None = None,
) -> int:
    """Set the phase, the message or the awaited outputs of suspend nodes."""
    change = suspension.NodeChange(phase=phase, message=message, outputs=parse_pairs(output_parameter or []))
    if change == suspension.NodeChange():
        raise SpecError("nothing to set", hint="give --phase, --message or --output-parameter NAME=VALUE")
    return _change_each(
        (name,),
        where,
        lambda workflow: suspension.set_nodes(workflow, node_field_selector, change, now()),
        "workflow values set",
    )

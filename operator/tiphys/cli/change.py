"""`delete`, `stop`, `terminate`, `suspend`, `resume`, `node`: what users do to live workflows.

Source: argo-semantics 13.
"""

import contextlib
from collections.abc import Callable
from typing import Annotated

from cyclopts import Parameter

from tiphys.cli.choice import Conditions, Selectors, matching, named_or_matching
from tiphys.cli.here import say_who_heeds
from tiphys.cli.own_archive import archive_ended
from tiphys.cli.session import Where, edit_workflow, now, read_workflow, with_api
from tiphys.cluster.api import Api
from tiphys.engine.operations import suspension
from tiphys.engine.operations.parameters import parse_pairs
from tiphys.errors import NotFound, SpecError
from tiphys.model.workflow import Workflow

NodeSelector = Annotated[str, Parameter(name=["--node-field-selector"])]
Message = Annotated[str, Parameter(name=["--message", "-m"])]
DryRun = Annotated[bool, Parameter(negative="")]
_DRY = " (dry run)"


def delete(  # noqa: PLR0913 as many options as Argo's
    *names: str,
    all_: Annotated[bool, Parameter(name="--all", negative="")] = False,
    all_namespaces: Annotated[bool, Parameter(name=["--all-namespaces", "-A"], negative="")] = False,
    selectors: Selectors | None = None,
    conditions: Conditions | None = None,
    query_chunk_size: int = 0,
    dry_run: DryRun = False,
    force: Annotated[bool, Parameter(negative="")] = False,
    where: Where | None = None,
) -> int:
    """Delete workflows.

    Args:
        names: Which.
        all_: All of the namespace.
        all_namespaces: Look in all namespaces.
        selectors: What the API server selects by.
        conditions: What else they are selected by.
        query_chunk_size: How many are asked for at once; 0 for the usual number.
        dry_run: Only say which.
        force: At once, whatever waits for their artifacts.
        where: The cluster.
    """
    chosen = [part for part in (selectors, conditions) if part is not None and part.is_said]

    async def work(api: Api, namespace: str) -> int:
        doomed = [(namespace, name) for name in names]
        if all_ or chosen:
            found = await matching(api, "" if all_namespaces else namespace, selectors, conditions, page=query_chunk_size)
            doomed += [(workflow.metadata.namespace, workflow.metadata.name) for workflow in found]
        if not doomed:
            print("No resources found")
        elif not dry_run:
            await archive_ended(api, where)
        for place, name in doomed:
            if not dry_run:
                await _delete(api, place, name, force=force)
            print(f"Workflow '{name}' deleted" + _DRY * dry_run)
        return 0

    return with_api(where, work)


async def _delete(api: Api, namespace: str, name: str, *, force: bool) -> None:
    if force:
        with contextlib.suppress(NotFound):
            await api.patch("Workflow", namespace, name, {"metadata": {"finalizers": None}})
    await api.delete("Workflow", namespace, name)


def _change_each(
    names: tuple[str, ...], selectors: Selectors | None, where: Where | None, change: Callable[[Workflow], Workflow], done: str,
    *, dry_run: bool = False,
) -> int:  # fmt: skip
    async def work(api: Api, namespace: str) -> int:
        for name in await named_or_matching(api, namespace, names, selectors):
            if dry_run:
                found = await read_workflow(api, namespace, name)
                change(found)
                print(done.format(found.metadata.name) + _DRY)
            else:
                changed = await edit_workflow(api, namespace, name, change)
                print(done.format(changed.metadata.name))
                say_who_heeds(api, changed)
        return 0

    return with_api(where, work)


def stop(
    *names: str,
    selectors: Selectors | None = None,
    node_field_selector: NodeSelector = "",
    message: Message = "",
    dry_run: DryRun = False,
    where: Where | None = None,
) -> int:
    """Stop workflows, exit handlers run; with --node-field-selector, fail their suspend nodes that match."""

    def change(workflow: Workflow) -> Workflow:
        return suspension.stop(workflow, now(), selector=node_field_selector, message=message)

    return _change_each(names, selectors, where, change, "workflow {} stopped", dry_run=dry_run)


def terminate(
    *names: str, selectors: Selectors | None = None, dry_run: DryRun = False, where: Where | None = None
) -> int:
    """End workflows at once; exit handlers do not run."""

    def change(workflow: Workflow) -> Workflow:
        return suspension.shut_down(workflow, "Terminate")

    return _change_each(names, selectors, where, change, "workflow {} terminated", dry_run=dry_run)


def suspend(*names: str, selectors: Selectors | None = None, dry_run: DryRun = False, where: Where | None = None) -> int:
    """Start nothing new in workflows."""
    return _change_each(names, selectors, where, suspension.suspend, "workflow {} suspended", dry_run=dry_run)


def resume(
    *names: str,
    selectors: Selectors | None = None,
    node_field_selector: NodeSelector = "",
    dry_run: DryRun = False,
    where: Where | None = None,
) -> int:
    """Let suspended workflows and their suspend nodes go on; with --node-field-selector, only the nodes that match."""

    def change(workflow: Workflow) -> Workflow:
        return suspension.resume(workflow, now(), selector=node_field_selector)

    return _change_each(names, selectors, where, change, "workflow {} resumed", dry_run=dry_run)


def set_node(
    name: str,
    *,
    node_field_selector: NodeSelector = "",
    phase: str = "",
    message: Message = "",
    output_parameter: Annotated[list[str] | None, Parameter(name=["--output-parameter", "-p"])] = None,
    where: Where | None = None,
) -> int:
    """Set the phase, the message or the awaited outputs of suspend nodes."""
    told = suspension.NodeChange(phase=phase, message=message, outputs=parse_pairs(output_parameter or []))
    if told == suspension.NodeChange():
        raise SpecError("nothing to set", hint="give --phase, --message or --output-parameter NAME=VALUE")

    def change(workflow: Workflow) -> Workflow:
        return suspension.set_nodes(workflow, node_field_selector, told, now())

    return _change_each((name,), None, where, change, "workflow values set")

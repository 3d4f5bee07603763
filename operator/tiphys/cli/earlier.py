"""Earlier runs of a workflow: on this machine, live in a cluster, and in the archive."""

import asyncio
from typing import TYPE_CHECKING

from tiphys.cli.session import all_workflows
from tiphys.cli.whole import whole
from tiphys.cluster.api import Api
from tiphys.engine.history import is_earlier_run
from tiphys.errors import TiphysError
from tiphys.model.archived import ArchiveQuery
from tiphys.model.names import LABEL_CLUSTER_WORKFLOW_TEMPLATE, LABEL_WORKFLOW_TEMPLATE
from tiphys.model.parse import parse_workflow
from tiphys.model.phases import SUCCEEDED
from tiphys.model.workflow import Workflow

if TYPE_CHECKING:
    from tiphys.archive.storage import Storage

_MOST = 10


def earlier_here(planned: Workflow) -> list[Workflow]:
    """The newest runs on this machine that went well, of which those that were deleted or run anew are in its archive."""
    from tiphys.local.state import State, state_folder

    if not (state_folder() / "state.db").exists():
        return []
    state = State(state_folder())
    try:
        kept = [parse_workflow(one) for place, one in state.load() if place.plural == "workflows"]
    finally:
        state.close()
    found = {one.metadata.uid: one for one in kept if is_earlier_run(planned, one)}
    if len(found) < _MOST and (state_folder() / "archive.db").exists():
        found = {one.metadata.uid: one for one in asyncio.run(_archived_here(planned))} | found
    return _newest(list(found.values()))


async def _archived_here(planned: Workflow) -> list[Workflow]:
    from tiphys.cli.machine import NAMESPACE
    from tiphys.cli.own_archive import own_storage

    async with own_storage() as storage:
        return await _read(storage, NAMESPACE, planned)


async def earlier_there(api: Api, namespace: str, planned: Workflow) -> list[Workflow]:
    """The newest runs in a cluster and its archive that went well."""
    live = _newest([one async for one in all_workflows(api, namespace) if is_earlier_run(planned, one)])
    found = {one.metadata.uid: await whole(api, one) for one in live}
    if len(found) < _MOST:
        found = {one.metadata.uid: one for one in await _archived(api, namespace, planned)} | found
    return _newest(list(found.values()))


async def _archived(api: Api, namespace: str, planned: Workflow) -> list[Workflow]:
    from tiphys.cli.kept import kept

    try:
        async with kept(api, namespace) as storage:
            return await _read(storage, namespace, planned)
    except TiphysError:
        # no archive, or none that can be reached from here: what is live has to do
        return []


async def _read(storage: "Storage", namespace: str, planned: Workflow) -> list[Workflow]:
    ref, meta = planned.spec.workflow_template_ref, planned.metadata
    label = "" if ref is None else LABEL_CLUSTER_WORKFLOW_TEMPLATE if ref.cluster_scope else LABEL_WORKFLOW_TEMPLATE
    query = ArchiveQuery(
        namespace=namespace, phases=(SUCCEEDED,), limit=_MOST, labels=f"{label}={ref.name}" if ref is not None else "",
        name_prefix="" if ref is not None else meta.generate_name or meta.name,
    )  # fmt: skip
    page = await storage.archive.page(query)
    alike = [one for one in map(parse_workflow, page.items) if is_earlier_run(planned, one)]
    return [parse_workflow(await storage.archive.read(uid=one.metadata.uid)) for one in alike]


def _newest(found: list[Workflow]) -> list[Workflow]:
    return sorted(found, key=lambda one: str(one.metadata.creation_timestamp), reverse=True)[:_MOST]

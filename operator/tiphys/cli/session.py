"""What all commands about a cluster share: where it is, and workflows in it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, TypeVar

from cyclopts import Parameter

from tiphys.cli.reach import Reach
from tiphys.cluster.api import Api, path_of
from tiphys.cluster.connection import Access, find_access
from tiphys.engine.patch import difference
from tiphys.errors import Conflict, NotFound, SpecError
from tiphys.model.parse import parse_workflow, to_json
from tiphys.model.phases import COMPLETED
from tiphys.model.workflow import Workflow

T = TypeVar("T")
POLL_SECONDS = 0.5
_EDIT_TRIES = 10
_PAGE = 500


def now() -> datetime:
    """The time of what the user does, in whole seconds as it is written."""
    return datetime.now(UTC).replace(microsecond=0)  # noqa: TID251 the user acts now


@Parameter(name="*")
@dataclass(kw_only=True)
class Where:
    """Which cluster, and which namespace of it.

    Attributes:
        namespace: The namespace; the kubeconfig's where it is not given.
        kubeconfig: The way to the cluster; KUBECONFIG's or the usual one where it is not given.
        local: What ran on this machine instead.
    """

    namespace: Annotated[str, Parameter(name=["--namespace", "-n"], env_var="ARGO_NAMESPACE")] = ""
    kubeconfig: str = ""
    local: Annotated[bool, Parameter(negative="")] = False
    reach: Reach | None = None

    @property
    def access(self) -> Access:
        """The way to the cluster.

        Raises:
            NotFound: There is none.
        """
        return find_access(self.kubeconfig, (self.reach or Reach()).choice)


def with_api(where: Where | None, work: Callable[[Api, str], Awaitable[T]], connect: Callable[[Access], Api] = Api) -> T:
    """The answer of `work`, which gets a connection and the namespace."""
    chosen = where or Where()
    if chosen.local:
        return _with_machine(chosen, work)

    async def run() -> T:
        access = chosen.access
        async with connect(access) as api:
            return await work(api, chosen.namespace or access.namespace)

    return asyncio.run(run())


def _with_machine(chosen: Where, work: Callable[[Api, str], Awaitable[T]]) -> T:
    """The answer of `work` about workflows that ran on this machine."""
    from tiphys.cli.machine import NAMESPACE, forget_ended, open_state, share

    opened = open_state()
    forget_ended(opened.store)
    share(opened)

    async def run() -> T:
        async with opened.api:
            return await work(opened.api, chosen.namespace or NAMESPACE)

    try:
        return asyncio.run(run())
    finally:
        opened.state.close()


async def read_workflow(api: Api, namespace: str, name: str) -> Workflow:
    """The workflow called so; `@latest` is the newest.

    Raises:
        NotFound: There is none.
    """
    # nodes that are elsewhere are looked for by who needs nodes; a list does not
    from tiphys.cli.whole import whole

    if name == "@latest":
        known = [workflow async for workflow in all_workflows(api, namespace)]
        if not known:
            raise NotFound(f"no workflows in namespace {namespace}")
        return await whole(api, max(known, key=lambda workflow: str(workflow.metadata.creation_timestamp)))
    return await whole(api, await stored_workflow(api, namespace, name))


async def stored_workflow(api: Api, namespace: str, name: str) -> Workflow:
    """The workflow as the server has it, its nodes packed or not."""
    return parse_workflow(await api.read("Workflow", namespace, name))


async def find_workflow(api: Api, namespace: str, name: str) -> Workflow:
    """The live workflow, else the newest archived one of that name.

    Raises:
        NotFound: There is neither.
    """
    from tiphys.cli.whole import or_archived

    try:
        return await read_workflow(api, namespace, name)
    except NotFound as e:
        return await or_archived(api, namespace, name, e)


async def all_workflows(
    api: Api, namespace: str, labels: str = "", *, fields: str = "", page: int = 0
) -> AsyncIterator[Workflow]:
    """All workflows of a namespace (of all for an empty one), asked for in pages; what cannot be read is left out."""
    async for found in api.list("Workflow", namespace, labels=labels, fields=fields, limit=page or _PAGE):
        for raw in found.items:
            try:
                yield parse_workflow(bytes(raw))
            except SpecError:
                continue


async def follow_workflow(api: Api, namespace: str, name: str) -> AsyncIterator[Workflow]:
    """The workflow each time it has changed, until it is finished."""
    version = ""
    while True:
        workflow = await read_workflow(api, namespace, name)
        if workflow.metadata.resource_version != version:
            version = workflow.metadata.resource_version
            yield workflow
        if workflow.status.phase in COMPLETED:
            return
        await asyncio.sleep(POLL_SECONDS)


async def create_workflow(api: Api, namespace: str, manifest: dict[str, object], *, is_dry: bool = False) -> Workflow:
    """Create a workflow; it as the server has it, or would have it."""
    body = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", **manifest}
    query = {"dryRun": "All"} if is_dry else None
    answer = await api.call("POST", "Workflow", path_of("Workflow", namespace), body=body, query=query)
    return parse_workflow(answer)


def exit_code(workflow: Workflow) -> int:
    """0 for a workflow that succeeded."""
    return 0 if workflow.status.phase == "Succeeded" else 1


async def edit_workflow(api: Api, namespace: str, name: str, change: Callable[[Workflow], Workflow]) -> Workflow:
    """Write what `change` makes of the workflow, and of it alone; again from what is stored when somebody else wrote meanwhile.

    Raises:
        Conflict: Somebody else was always faster.
    """
    from tiphys.cli.whole import packed_patch, whole

    for attempt in range(_EDIT_TRIES):
        stored = await stored_workflow(api, namespace, name)
        old = await whole(api, stored)
        new = change(old)
        patch = await packed_patch(api, stored, new, difference(to_json(old), to_json(new)))
        if not patch:
            return new
        meta = old.metadata
        try:
            await api.patch("Workflow", meta.namespace, meta.name, patch, resource_version=meta.resource_version)
        except Conflict:
            await asyncio.sleep(0.05 * attempt)
        else:
            return new
    raise Conflict(f"workflow {name} is changed by somebody else all the time", hint="try again")

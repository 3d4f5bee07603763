"""`retry`, `resubmit`: workflows again, in place or as new ones.

Source: argo-semantics 14.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Annotated

from cyclopts import Parameter

from tiphys.cli.choice import Selectors, named_or_matching
from tiphys.cli.listing import Output
from tiphys.cli.session import Where, create_workflow, edit_workflow, now, read_workflow, with_api
from tiphys.cli.show import print_workflow
from tiphys.cli.submit import attend
from tiphys.cluster.api import Api
from tiphys.engine.operations import resubmit as again
from tiphys.engine.operations.parameters import parse_pairs
from tiphys.engine.operations.retry import Retried
from tiphys.engine.operations.retry import retry as retried
from tiphys.errors import NotFound, OutsideError, SpecError
from tiphys.model.parse import to_json
from tiphys.model.workflow import Workflow

Given = Annotated[list[str] | None, Parameter(name=["--parameter", "-p"])]
Watch = Annotated[bool, Parameter(name=["--watch"])]
Wait = Annotated[bool, Parameter(name=["--wait", "-w"])]
_POD_GONE_SECONDS = 90.0


def retry(  # noqa: PLR0913 as many options as Argo's
    *names: str,
    selectors: Selectors | None = None,
    restart_successful: bool = False,
    node_field_selector: Annotated[str, Parameter(name=["--node-field-selector"])] = "",
    parameter: Given = None,
    watch: Watch = False,
    wait: Wait = False,
    log: bool = False,
    output: Output = "",
    where: Where | None = None,
) -> int:
    """Run failed workflows again where they failed; with --restart-successful, from the nodes that match on."""
    given = parse_pairs(parameter or [])

    def change(workflow: Workflow) -> Retried:
        return retried(
            workflow, now(), restart_successful=restart_successful, selector=node_field_selector, parameters=given
        )

    async def one(api: Api, name: str, namespace: str) -> Workflow:
        return await retry_in_place(api, namespace, name, change)

    async def work(api: Api, namespace: str) -> int:
        return await _each(api, namespace, names, selectors, one, Follow(watch=watch, wait=wait, log=log, output=output))

    return with_api(where, work)


async def retry_in_place(api: Api, namespace: str, name: str, change: Callable[[Workflow], Retried]) -> Workflow:
    """The workflow, made to run again by `change`."""
    old = await read_workflow(api, namespace, name)
    # the pods go first: a pod's name is its node's, so what runs again must not meet what has run
    pods = change(old).pods
    for pod in pods:
        await api.delete("Pod", old.metadata.namespace, pod)
    await until_gone(api, old.metadata.namespace, pods)
    return await edit_workflow(api, namespace, old.metadata.name, lambda workflow: change(workflow).workflow)


def resubmit(  # noqa: PLR0913 as many options as Argo's
    *names: str,
    selectors: Selectors | None = None,
    memoized: bool = False,
    parameter: Given = None,
    priority: int | None = None,
    watch: Watch = False,
    wait: Wait = False,
    log: bool = False,
    output: Output = "",
    where: Where | None = None,
) -> int:
    """Submit workflows again, as new ones; with --memoized, what went well in a failed one is not run again."""
    given = parse_pairs(parameter or [])

    async def one(api: Api, name: str, namespace: str) -> Workflow:
        old = await read_workflow(api, namespace, name)
        if memoized:
            suffix = "".join(secrets.choice(again.SUFFIX_LETTERS) for _ in range(again.SUFFIX_LENGTH))
            new = again.resubmit_memoized(old, now(), suffix=suffix, parameters=given)
        else:
            new = again.resubmit(old, given)
        manifest = to_json(new)
        if priority is not None:
            manifest["spec"]["priority"] = priority
        return await create_workflow(api, old.metadata.namespace, manifest)

    async def work(api: Api, namespace: str) -> int:
        return await _each(api, namespace, names, selectors, one, Follow(watch=watch, wait=wait, log=log, output=output))

    return with_api(where, work)


class Follow:
    """How to stay with a workflow that was started again."""

    def __init__(self, *, watch: bool, wait: bool, log: bool, output: str) -> None:
        self.watch, self.wait, self.log, self.output = watch, wait, log, output

    async def attend(self, api: Api, workflow: Workflow) -> int:
        """Show it and stay with it; the exit code."""
        if self.output or not self.watch:
            print_workflow(workflow, self.output)
        return await attend(api, workflow, watch=self.watch, wait=self.wait, log=self.log)


async def _each(
    api: Api,
    namespace: str,
    names: tuple[str, ...],
    selectors: Selectors | None,
    one: Callable[[Api, str, str], Awaitable[Workflow]],
    follow: Follow,
) -> int:
    worst = 0
    for name in await named_or_matching(api, namespace, names, selectors):
        worst = max(worst, await follow.attend(api, await one(api, name, namespace)))
    return worst


async def until_gone(api: Api, namespace: str, pods: tuple[str, ...]) -> None:
    """Return when no pod of an earlier run is there any more."""
    end = asyncio.get_running_loop().time() + _POD_GONE_SECONDS
    for pod in pods:
        while True:
            try:
                await api.read("Pod", namespace, pod)
            except NotFound:
                break
            except OutsideError:
                pass
            if asyncio.get_running_loop().time() > end:
                raise SpecError(f"pod {pod} of the earlier run is still there", hint="delete it, then retry again")
            await asyncio.sleep(0.2)

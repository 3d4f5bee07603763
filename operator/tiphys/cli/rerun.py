"""`retry`, `resubmit`: workflows again, in place or as new ones.

Source: argo-semantics 14.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
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
_POD_GONE_SECONDS = 90.0


@Parameter(name="*")
@dataclass(kw_only=True)
class Follow:
    """How to stay with a workflow that was started again.

    Attributes:
        watch: Follow it on the screen.
        wait: Return when it has ended.
        log: Print what its pods print.
        output: `wide`, `name`, `json` or `yaml`.
    """

    watch: Annotated[bool, Parameter(name=["--watch"])] = False
    wait: Annotated[bool, Parameter(name=["--wait", "-w"])] = False
    log: bool = False
    output: Output = ""

    async def attend(self, api: Api, workflow: Workflow) -> int:
        """Show it and stay with it; the exit code."""
        if self.output or not self.watch:
            print_workflow(workflow, self.output)
        return await attend(api, workflow, watch=self.watch, wait=self.wait, log=self.log)


@Parameter(name="*")
@dataclass(kw_only=True)
class Retry:
    """What of a workflow runs again where it was.

    Attributes:
        restart_successful: What went well, too, from the nodes that match on.
        node_field_selector: Those nodes.
        parameter: NAME=VALUE.
    """

    restart_successful: bool = False
    node_field_selector: Annotated[str, Parameter(name=["--node-field-selector"])] = ""
    parameter: Given = None

    def of(self, workflow: Workflow) -> Retried:
        """The workflow, ready to run again."""
        return retried(
            workflow, now(), restart_successful=self.restart_successful, selector=self.node_field_selector,
            parameters=parse_pairs(self.parameter or []),
        )  # fmt: skip


@Parameter(name="*")
@dataclass(kw_only=True)
class Resubmit:
    """How a workflow is made anew of an old one.

    Attributes:
        memoized: What went well in a failed one is not run again.
        parameter: NAME=VALUE.
    """

    memoized: bool = False
    parameter: Given = None

    def of(self, workflow: Workflow) -> Workflow:
        """The new one."""
        given = parse_pairs(self.parameter or [])
        if not self.memoized:
            return again.resubmit(workflow, given)
        suffix = "".join(secrets.choice(again.SUFFIX_LETTERS) for _ in range(again.SUFFIX_LENGTH))
        return again.resubmit_memoized(workflow, now(), suffix=suffix, parameters=given)


def retry(
    *names: str,
    selectors: Selectors | None = None,
    how: Retry | None = None,
    follow: Follow | None = None,
    where: Where | None = None,
) -> int:
    """Run failed workflows again where they failed; with --restart-successful, from the nodes that match on."""
    change = (how or Retry()).of

    async def one(api: Api, name: str, namespace: str) -> Workflow:
        return await retry_in_place(api, namespace, name, change)

    async def work(api: Api, namespace: str) -> int:
        return await _each(api, namespace, names, selectors, one, follow or Follow())

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


def resubmit(
    *names: str,
    selectors: Selectors | None = None,
    how: Resubmit | None = None,
    priority: int | None = None,
    follow: Follow | None = None,
    where: Where | None = None,
) -> int:
    """Submit workflows again, as new ones; with --memoized, what went well in a failed one is not run again."""
    renewed = (how or Resubmit()).of

    async def one(api: Api, name: str, namespace: str) -> Workflow:
        old = await read_workflow(api, namespace, name)
        manifest = to_json(renewed(old))
        if priority is not None:
            manifest["spec"]["priority"] = priority
        return await create_workflow(api, old.metadata.namespace, manifest)

    async def work(api: Api, namespace: str) -> int:
        return await _each(api, namespace, names, selectors, one, follow or Follow())

    return with_api(where, work)


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

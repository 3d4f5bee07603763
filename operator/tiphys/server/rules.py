"""The administrator's policies, held to what is submitted through the server."""

from tiphys.cluster.api import Api
from tiphys.cluster.connection import Access
from tiphys.cluster.premises import find_premises, judge
from tiphys.errors import Forbidden, SpecError
from tiphys.model.workflow import Workflow


async def check_rules(access: Access, caller: Api, namespace: str, workflow: Workflow) -> None:
    """Let pass what the controller would run.

    Args:
        access: The server's own way to the cluster: it reads the rules, which callers need not be allowed to.
        caller: Reads the template that the workflow references.
        namespace: Where the workflow is to be.
        workflow: What is submitted.

    Raises:
        Forbidden: A policy denies it; the message names the policy.
    """
    async with Api(access) as own:
        premises = await find_premises(own, (access.namespace,))
    verdict = await judge(caller, namespace, workflow, premises)
    if verdict.denials:
        raise Forbidden("; ".join(verdict.denials))


async def check_event(access: Access, namespace: str, workflow: Workflow) -> None:
    """Let pass what the controller would run of what a binding submits: who posts events need not see its template.

    Raises:
        SpecError: A policy denies it; the message names the policy.
    """
    async with Api(access) as own:
        verdict = await judge(own, namespace, workflow, await find_premises(own, (access.namespace,)))
    if verdict.denials:
        # no right of the caller is missing
        raise SpecError("; ".join(verdict.denials))

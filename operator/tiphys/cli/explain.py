"""`explain`: why is it waiting, or why did it fail."""

import json

import msgspec

from tiphys.cli.listing import Output
from tiphys.cli.session import Where, find_workflow, now, with_api
from tiphys.cluster.api import Api
from tiphys.engine.explain import Reason, explain_node
from tiphys.engine.explain import explain as reasons_of


def explain(workflow: str, node: str = "", *, output: Output = "", where: Where | None = None) -> int:
    """Say in a sentence each why a workflow, or one of its nodes, waits or has failed; live, --local or archived.

    Args:
        workflow: Its name; `@latest` for the newest.
        node: Only this node: id, name, display name, or the name of a task that has no node yet.
        output: json for programs.
        where: The cluster.
    """

    async def work(api: Api, namespace: str) -> int:
        found = await find_workflow(api, namespace, workflow)
        made = explain_node(found, node, now()) if node else reasons_of(found, now())
        if output == "json":
            print(json.dumps([msgspec.to_builtins(reason) for reason in made], indent=2, ensure_ascii=False))
        else:
            for reason in made:
                print(_line(reason))
        return 0

    return with_api(where, work)


def _line(reason: Reason) -> str:
    return f"  {reason.name} {reason.sentence}" if reason.name else reason.sentence

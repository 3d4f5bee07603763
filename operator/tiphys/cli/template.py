"""`template`: stored WorkflowTemplates.

Source: features 25.
"""

from typing import Annotated

from cyclopts import Parameter

from tiphys.cli import objects
from tiphys.cli.listing import Output
from tiphys.cli.objects import TEMPLATE as KIND
from tiphys.cli.session import Where, with_api
from tiphys.cli.table import print_table
from tiphys.cli.verbs import verbs
from tiphys.cluster.api import Api

create, update, apply, delete, lint = verbs(KIND)


def get(*names: str, output: Output = "", where: Where | None = None) -> int:
    """Show WorkflowTemplates."""
    return objects.get(KIND, names, output, where)


def list_(
    *,
    all_namespaces: Annotated[bool, Parameter(name=["--all-namespaces", "-A"])] = False,
    selector: Annotated[str, Parameter(name=["--selector", "-l"])] = "",
    output: Output = "",
    where: Where | None = None,
) -> int:
    """List WorkflowTemplates."""

    async def work(api: Api, namespace: str) -> int:
        home = "" if all_namespaces else namespace
        found = [one["metadata"] async for one in objects.all_objects(api, KIND, home, selector)]
        if output == "name":
            print("\n".join(meta["name"] for meta in found))
        elif all_namespaces:
            rows = [[meta["namespace"], meta["name"]] for meta in found]
            print_table(["NAMESPACE", "NAME"], rows, "No workflow template found")
        else:
            print_table(["NAME"], [[meta["name"]] for meta in found], "No workflow template found")
        return 0

    return with_api(where, work)

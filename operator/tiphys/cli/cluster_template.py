"""`cluster-template`: stored ClusterWorkflowTemplates.

Source: features 25.
"""

from typing import Annotated

from cyclopts import Parameter

from tiphys.cli import objects
from tiphys.cli.listing import Output
from tiphys.cli.objects import CLUSTER_TEMPLATE as KIND
from tiphys.cli.session import Where, with_api
from tiphys.cli.table import print_table
from tiphys.cli.verbs import verbs
from tiphys.cluster.api import Api

create, update, apply, delete, lint = verbs(KIND)


def get(*names: str, output: Output = "", where: Where | None = None) -> int:
    """Show ClusterWorkflowTemplates."""
    return objects.get(KIND, names, output, where)


def list_(
    *,
    selector: Annotated[str, Parameter(name=["--selector", "-l"])] = "",
    output: Output = "",
    where: Where | None = None,
) -> int:
    """List ClusterWorkflowTemplates."""

    async def work(api: Api, _namespace: str) -> int:
        found = [one["metadata"]["name"] async for one in objects.all_objects(api, KIND, "", selector)]
        if output == "name":
            print("\n".join(found))
        else:
            print_table(["NAME"], [[name] for name in found], "No cluster workflow template found")
        return 0

    return with_api(where, work)

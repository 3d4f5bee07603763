"""`cluster-template`: stored ClusterWorkflowTemplates.

Source: features 25.
"""

from typing import Annotated

from cyclopts import Parameter

from tiphys.cli import objects
from tiphys.cli.lint import Format
from tiphys.cli.lint import lint as lint_files
from tiphys.cli.listing import Output
from tiphys.cli.objects import CLUSTER_TEMPLATE as KIND
from tiphys.cli.session import Where, with_api
from tiphys.cli.table import print_table
from tiphys.cluster.api import Api


def create(*files: str, output: Output = "", strict: bool = True, where: Where | None = None) -> int:
    """Create ClusterWorkflowTemplates from files, `-` for standard input."""
    return objects.send(KIND, files, objects.create, output=output, strict=strict, where=where)


def update(*files: str, output: Output = "", strict: bool = True, where: Where | None = None) -> int:
    """Make stored ClusterWorkflowTemplates what files say."""
    return objects.send(KIND, files, objects.update, output=output, strict=strict, where=where)


def apply(*files: str, output: Output = "", strict: bool = True, where: Where | None = None) -> int:
    """Create ClusterWorkflowTemplates from files, or update those that are stored."""
    return objects.send(KIND, files, objects.apply, output=output, strict=strict, where=where)


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


def delete(*names: str, all_: Annotated[bool, Parameter(name="--all")] = False, where: Where | None = None) -> int:
    """Delete ClusterWorkflowTemplates."""
    return objects.delete(KIND, names, all_=all_, where=where)


def lint(
    *files: str,
    output: Annotated[Format, Parameter(name=["--output", "-o"])] = "pretty",
    offline: bool = False,
    strict: bool = True,
    where: Where | None = None,
) -> int:
    """Check ClusterWorkflowTemplates of files; see `tiphys lint`."""
    return lint_files(*files, output=output, kinds=KIND.title, offline=offline, strict=strict, where=where)

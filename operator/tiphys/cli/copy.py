"""`cp`: output artifacts of a workflow as files, or a list of where they are."""

import asyncio
import shutil
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tiphys.cli.session import Where, read_workflow, with_api
from tiphys.cluster.api import Api
from tiphys.errors import NotFound, SpecError
from tiphys.model.places import key_of as driver_key
from tiphys.model.storage import key_of, shown_location
from tiphys.model.stored import Stored, stored_artifacts
from tiphys.model.workflow import Workflow
from tiphys.ports import ArtifactDriver
from tiphys.server.stores import open_artifact

_PATH = "{namespace}/{workflowName}/{nodeId}/outputs/{artifactName}"


def copy(  # noqa: PLR0913 as many options as Argo's
    name: str,
    output_directory: str = "",
    *,
    node_id: str = "",
    template_name: str = "",
    artifact_name: str = "",
    path: str = _PATH,
    list_: Annotated[bool, Parameter(name="--list")] = False,
    where: Where | None = None,
) -> int:
    """Copy the output artifacts of a workflow below a directory, as they are stored; with --list, only say where they are.

    Args:
        name: The workflow's.
        output_directory: Where to copy to.
        node_id: Only those of this node.
        template_name: Only those of this template.
        artifact_name: Only those of this name.
        path: Below the directory, with `{namespace}`, `{workflowName}`, `{nodeId}`, `{templateName}`, `{artifactName}`.
        list_: Copy nothing.
        where: Which cluster.
    """
    if not output_directory and not list_:
        raise SpecError("say where to copy to", hint="tiphys cp WORKFLOW DIRECTORY, or tiphys cp WORKFLOW --list")

    async def work(api: Api, namespace: str) -> int:
        workflow = await read_workflow(api, namespace, name)
        wanted = {"node": node_id, "template": template_name, "artifact": artifact_name}
        found = [one for one in stored_artifacts(workflow) if _is_wanted(one, wanted)]
        if not found:
            raise NotFound(f"workflow {workflow.metadata.name} has no such output artifacts")
        if list_:
            _print(found)
            return 0
        for one in found:
            await _fetch(api, namespace, one, _target(workflow, one, Path(output_directory), path))
        return 0

    return with_api(where, work)


def _is_wanted(one: Stored, wanted: dict[str, str]) -> bool:
    template = one.node.executed_template
    said = {"node": one.node.id, "template": template, "artifact": one.artifact.name}
    return all(not text or said[key] == text for key, text in wanted.items())


def _print(found: list[Stored]) -> None:
    width = max(len(one.node.id) for one in found)
    name_width = max(len(one.artifact.name) for one in found)
    for node, artifact in found:
        print(f"{node.id:<{width}}  {artifact.name:<{name_width}}  {shown_location(artifact)}")


def _target(workflow: Workflow, one: Stored, directory: Path, path: str) -> Path:
    """Where an artifact's file goes; never outside of the directory."""
    meta = workflow.metadata
    template = one.node.executed_template
    values = {"namespace": meta.namespace, "workflowName": meta.name, "nodeId": one.node.id, "templateName": template,
              "artifactName": one.artifact.name}  # fmt: skip
    below = path
    for key, value in values.items():
        below = below.replace(f"{{{key}}}", value)
    file = key_of(one.artifact).rstrip("/").rpartition("/")[2] or one.artifact.name
    target = directory / below.lstrip("/") / file
    if ".." in target.parts[len(directory.parts) :]:
        raise SpecError(f"{target} is outside of {directory}", path="--path")
    return target


async def _fetch(api: Api, namespace: str, one: Stored, target: Path) -> None:
    driver = await open_artifact(api, namespace, one.artifact)
    await asyncio.to_thread(_load, driver, driver_key(one.artifact), target)
    print(f"Created '{target}'")


def _load(driver: ArtifactDriver, key: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_dir():
        shutil.rmtree(target)
    target.unlink(missing_ok=True)
    driver.load(key, target)

"""`submit`: manifests become workflows."""

from pathlib import Path
from typing import Annotated

import yaml
from cyclopts import Parameter

from tiphys.cli.documents import Manifest, read_documents
from tiphys.cli.listing import Output
from tiphys.cli.logs import print_logs
from tiphys.cli.session import Where, create_workflow, exit_code, follow_workflow, with_api
from tiphys.cli.show import print_workflow, watch_workflow
from tiphys.cluster.api import Api
from tiphys.cluster.stored import manifest_from
from tiphys.engine.operations.parameters import parse_pairs, set_parameters
from tiphys.engine.validate import check_workflow
from tiphys.errors import SpecError
from tiphys.model.parse import parse_workflow
from tiphys.model.workflow import Workflow


def _is_workflow(manifest: Manifest) -> bool:
    return bool(manifest.get("kind") == "Workflow")


def submit(  # noqa: PLR0913 as many options as Argo's
    *files: str,
    from_: Annotated[str, Parameter(name=["--from"])] = "",
    parameter: Annotated[list[str] | None, Parameter(name=["--parameter", "-p"])] = None,
    parameter_file: Annotated[str, Parameter(name=["--parameter-file", "-f"])] = "",
    artifact: Annotated[list[str] | None, Parameter(name=["--artifact", "-a"])] = None,
    name: str = "",
    generate_name: str = "",
    entrypoint: str = "",
    labels: Annotated[str, Parameter(name=["--labels", "-l"])] = "",
    serviceaccount: str = "",
    priority: int | None = None,
    dry_run: bool = False,
    watch: Annotated[bool, Parameter(name=["--watch"])] = False,
    wait: Annotated[bool, Parameter(name=["--wait", "-w"])] = False,
    log: bool = False,
    output: Output = "",
    where: Where | None = None,
) -> int:
    """Submit workflows from files, `-` for standard input, or --from a stored template or schedule (`workflowtemplate/x`).

    With --watch, --wait or --log the exit code is 1 when one does not succeed. An artifact argument is given as NAME=KEY, or as
    NAME=@FILE for a file that is uploaded first.
    """
    given = yaml.safe_load(Path(parameter_file).read_text()) if parameter_file else {}
    given = {key: value if isinstance(value, str) else str(value) for key, value in (given or {}).items()}
    given |= parse_pairs(parameter or [])
    uploads = parse_pairs(artifact or [])
    spec = {"entrypoint": entrypoint, "serviceAccountName": serviceaccount, "priority": priority}
    if from_ and files:
        raise SpecError("give either files or --from, not both")
    manifests = [manifest for manifest in (document.value for document in read_documents(files)) if _is_workflow(manifest)]
    if not manifests and not from_:
        raise SpecError("no Workflow found in given files")

    def complete(manifest: Manifest) -> None:
        set_parameters(manifest, given)
        manifest["spec"] |= {key: value for key, value in spec.items() if value not in ("", None)}
        meta = manifest.setdefault("metadata", {})
        meta |= {"name": name} if name else {"generateName": generate_name} if generate_name else {}
        meta.setdefault("labels", {}).update(parse_pairs([part for part in labels.split(",") if part]))
        check_workflow(_named(_with_artifacts(manifest, uploads)))

    for manifest in manifests:
        complete(manifest)

    async def work(api: Api, namespace: str) -> int:
        # only what is submitted is held to rules
        from tiphys.cli.kept import controller_namespaces
        from tiphys.cli.rules import check_rules

        worst = 0
        if from_:
            manifests.append(await manifest_from(api, namespace, from_))
            complete(manifests[0])
        for manifest in manifests:
            home = manifest["metadata"].get("namespace") or namespace
            await check_rules(api, controller_namespaces(namespace), home, _named(_with_artifacts(manifest, uploads)))
            await _set_artifacts(api, home, manifest, uploads)
            if dry_run:
                print_workflow(parse_workflow(manifest), output or "yaml")
                continue
            created = await create_workflow(api, home, manifest)
            if output or not watch:
                print_workflow(created, output)
            worst = max(worst, await attend(api, created, watch=watch, wait=wait, log=log))
        return worst

    return with_api(where, work)


def _with_artifacts(manifest: Manifest, artifacts: dict[str, str]) -> Manifest:
    """The manifest as it is checked before anything is asked of the cluster: artifacts that are given have a place."""
    if not artifacts:
        return manifest
    spec = manifest["spec"]
    arguments = spec.get("arguments") or {}
    kept = [entry for entry in arguments.get("artifacts") or () if entry.get("name") not in artifacts]
    placed = [*kept, *({"name": name, "raw": {"data": value}} for name, value in artifacts.items())]
    return {**manifest, "spec": {**spec, "arguments": {**arguments, "artifacts": placed}}}


async def _set_artifacts(api: Api, namespace: str, manifest: Manifest, artifacts: dict[str, str]) -> None:
    if artifacts:
        # stores and settings are loaded only where they are needed
        from tiphys.cli.upload import set_artifacts

        await set_artifacts(api, namespace, manifest, artifacts)


async def attend(api: Api, created: Workflow, *, watch: bool, wait: bool, log: bool) -> int:
    """Stay with a workflow as far as was asked; the exit code."""
    meta = created.metadata
    if log:
        await print_logs(api, meta.namespace, meta.name, follow=True)
    if watch:
        return exit_code(await watch_workflow(api, meta.namespace, meta.name))
    if not (wait or log):
        return 0
    last = [workflow async for workflow in follow_workflow(api, meta.namespace, meta.name)][-1]
    print(f"{meta.name} {last.status.phase} at {last.status.finished_at}")
    return exit_code(last)


def _named(manifest: Manifest) -> Workflow:
    meta = manifest.get("metadata") or {}
    return parse_workflow({**manifest, "metadata": {**meta, "name": meta.get("name") or f"{meta.get('generateName', '')}x"}})

"""`submit`: manifests become workflows."""

from typing import Annotated, NamedTuple

from cyclopts import Parameter

from tiphys.cli.documents import Manifest, read_documents
from tiphys.cli.filling import Filling, parameters_of
from tiphys.cli.here import say_who_heeds
from tiphys.cli.listing import Output
from tiphys.cli.logs import Lines, print_logs
from tiphys.cli.session import Where, create_workflow, exit_code, follow_workflow, with_api
from tiphys.cli.show import keeps, print_workflow, watch_workflow
from tiphys.cli.tree import Look
from tiphys.cluster.api import Api
from tiphys.cluster.stored import manifest_from
from tiphys.engine.operations.parameters import parse_pairs
from tiphys.engine.validate import check_workflow
from tiphys.errors import SpecError
from tiphys.model.parse import parse_workflow
from tiphys.model.unknown import unknown_fields
from tiphys.model.workflow import Workflow


def _workflows(files: tuple[str, ...], *, is_strict: bool) -> list[Manifest]:
    """The workflows in files; unknown fields are faults of a strict submission."""
    found = [document for document in read_documents(files) if document.kind == "Workflow"]
    if not found:
        raise SpecError("no Workflow found in given files")
    for document in found if is_strict else ():
        unknown = next(unknown_fields(Workflow, document.value), None)
        if unknown is not None:
            line = document.place(unknown.path).line
            raise SpecError(f"{document.file}:{line}: {unknown.message}", hint="--no-strict lets it pass")
    return [document.value for document in found]


def _refuse(*, is_twice: bool, is_unseen: bool) -> None:
    if is_twice:
        raise SpecError("give either files or --from, not both")
    if is_unseen:
        raise SpecError("--status and --node-field-selector say which nodes --watch shows; give it, too")


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
    scheduled_time: str = "",
    instanceid: Annotated[str, Parameter(env_var="ARGO_INSTANCEID")] = "",
    strict: bool = True,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    server_dry_run: Annotated[bool, Parameter(negative="")] = False,
    watch: Annotated[bool, Parameter(name=["--watch"], negative="")] = False,
    wait: Annotated[bool, Parameter(name=["--wait", "-w"], negative="")] = False,
    log: Annotated[bool, Parameter(negative="")] = False,
    status: str = "",
    node_field_selector: str = "",
    output: Output = "",
    where: Where | None = None,
) -> int:
    """Submit workflows from files, URLs, `-` for standard input, or --from a stored template or schedule (`workflowtemplate/x`).

    With --watch, --wait or --log the exit code is 1 when one does not succeed. An artifact argument is given as NAME=KEY, or as
    NAME=@FILE for a file that is uploaded first.

    Args:
        files: Where the workflows are.
        from_: Kind and name of what is stored, as `workflowtemplate/x`, `clusterworkflowtemplate/x`, `cronwf/x`.
        parameter: NAME=VALUE.
        parameter_file: Parameters as YAML or JSON.
        artifact: NAME=KEY or NAME=@FILE.
        name: The workflow's name.
        generate_name: The beginning of a generated one.
        entrypoint: The template to begin with.
        labels: KEY=VALUE, with commas.
        serviceaccount: Of its pods.
        priority: The higher, the earlier.
        scheduled_time: When it was due, as 2026-01-31T12:00:00Z.
        instanceid: Of the controller that shall follow it.
        strict: Unknown fields are faults.
        dry_run: Only show what would be sent.
        server_dry_run: Only show what the API server would store.
        watch: Follow it on the screen.
        wait: Return when it has ended.
        log: Print what its pods print.
        status: With --watch, only nodes in these phases, with commas.
        node_field_selector: With --watch, only nodes that match, as `phase=Failed,templateName=x`.
        output: `wide`, `name`, `json` or `yaml`.
        where: The cluster.
    """
    uploads = parse_pairs(artifact or [])
    filling = Filling(
        parameters=parameters_of(parameter, parameter_file), name=name, generate_name=generate_name,
        labels=parse_pairs([part for part in labels.split(",") if part]), scheduled_time=scheduled_time, instance_id=instanceid,
        spec={"entrypoint": entrypoint, "serviceAccountName": serviceaccount, "priority": priority},
    )  # fmt: skip
    _refuse(is_twice=bool(from_ and files), is_unseen=bool((status or node_field_selector) and not watch))
    look = Look(keeps=keeps(status, node_field_selector))
    sent = _Sent(filling, uploads, dry_run, server_dry_run, watch, wait, log, look, output)
    manifests = [] if from_ else _workflows(files, is_strict=strict)
    for manifest in manifests:
        sent.complete(manifest)

    async def work(api: Api, namespace: str) -> int:
        if from_:
            manifests.append(await manifest_from(api, namespace, from_))
            sent.complete(manifests[0])
        return max([await sent.send(api, namespace, manifest) for manifest in manifests])

    return with_api(where, work)


class _Sent(NamedTuple):
    """How manifests are filled, sent and stayed with."""

    filling: Filling
    uploads: dict[str, str]
    dry_run: bool
    server_dry_run: bool
    watch: bool
    wait: bool
    log: bool
    look: Look
    output: Output

    def complete(self, manifest: Manifest) -> None:
        """Fill it, and find its faults."""
        self.filling.fill(manifest)
        check_workflow(_named(_with_artifacts(manifest, self.uploads)))

    async def send(self, api: Api, namespace: str, manifest: Manifest) -> int:
        """Create the workflow, show it, and stay with it as far as was asked; the exit code."""
        # only what is submitted is held to rules
        from tiphys.cli.kept import controller_namespaces
        from tiphys.cli.rules import check_rules

        home = manifest["metadata"].get("namespace") or namespace
        await check_rules(api, controller_namespaces(namespace), home, _named(_with_artifacts(manifest, self.uploads)))
        await _set_artifacts(api, home, manifest, self.uploads)
        if self.dry_run:
            print_workflow(parse_workflow(manifest), self.output or "yaml")
            return 0
        created = await create_workflow(api, home, manifest, is_dry=self.server_dry_run)
        if self.server_dry_run:
            print_workflow(created, self.output or "yaml")
            return 0
        if self.output or not self.watch:
            print_workflow(created, self.output)
        return await attend(api, created, watch=self.watch, wait=self.wait, log=self.log, look=self.look)


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


async def attend(api: Api, created: Workflow, *, watch: bool, wait: bool, log: bool, look: Look | None = None) -> int:
    """Stay with a workflow as far as was asked, and show the nodes that are wanted; the exit code."""
    meta = created.metadata
    say_who_heeds(api, created)
    if log:
        await print_logs(api, meta.namespace, meta.name, Lines(follow=True))
    if watch:
        return exit_code(await watch_workflow(api, meta.namespace, meta.name, look or Look()))
    if not (wait or log):
        return 0
    last = [workflow async for workflow in follow_workflow(api, meta.namespace, meta.name)][-1]
    print(f"{meta.name} {last.status.phase} at {last.status.finished_at}")
    return exit_code(last)


def _named(manifest: Manifest) -> Workflow:
    meta = manifest.get("metadata") or {}
    return parse_workflow({**manifest, "metadata": {**meta, "name": meta.get("name") or f"{meta.get('generateName', '')}x"}})

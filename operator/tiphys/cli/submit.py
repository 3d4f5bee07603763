"""`submit`, `lint`: manifests become workflows."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import yaml
from cyclopts import Parameter

from tiphys.cli.logs import print_logs
from tiphys.cli.session import Where, create_workflow, exit_code, follow_workflow, with_api
from tiphys.cli.show import Output, print_workflow, watch_workflow
from tiphys.cli.stored import manifest_from
from tiphys.cluster.api import Api
from tiphys.engine.operations.parameters import parse_pairs
from tiphys.engine.validate import check_workflow, find_faults
from tiphys.errors import NotFound, SpecError
from tiphys.model.parse import parse_workflow
from tiphys.model.workflow import Workflow

Manifest = dict[str, Any]


def read_manifests(paths: tuple[str, ...]) -> Iterator[tuple[str, Manifest]]:
    """Each object of files, folders and `-` (standard input), with where it stands.

    Raises:
        SpecError: A file is no YAML.
        NotFound: There is no such file.
    """
    for path in paths:
        if path == "-":
            yield from _documents("stdin", sys.stdin.read())
            continue
        where = Path(path)
        if not where.exists():
            raise NotFound(f"no file {path}")
        files = sorted(p for p in where.rglob("*") if p.suffix in (".yaml", ".yml", ".json")) if where.is_dir() else [where]
        for file in files:
            yield from _documents(str(file), file.read_text())


def _documents(name: str, text: str) -> Iterator[tuple[str, Manifest]]:
    try:
        for document in yaml.safe_load_all(text):
            if isinstance(document, dict):
                yield name, document
    except yaml.YAMLError as e:
        raise SpecError(f"{name}: no YAML: {e}") from e


def _is_workflow(manifest: Manifest) -> bool:
    return bool(manifest.get("kind") == "Workflow")


def set_parameters(manifest: Manifest, given: dict[str, str]) -> None:
    """Override or add arguments of the workflow."""
    arguments = manifest.setdefault("spec", {}).setdefault("arguments", {})
    kept = [entry for entry in arguments.get("parameters") or () if entry.get("name") not in given]
    if given:
        arguments["parameters"] = [*kept, *({"name": name, "value": value} for name, value in given.items())]


def submit(  # noqa: PLR0913 as many options as Argo's
    *files: str,
    from_: Annotated[str, Parameter(name=["--from"])] = "",
    parameter: Annotated[list[str] | None, Parameter(name=["--parameter", "-p"])] = None,
    parameter_file: Annotated[str, Parameter(name=["--parameter-file", "-f"])] = "",
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

    With --watch, --wait or --log the exit code is 1 when one does not succeed.
    """
    given = yaml.safe_load(Path(parameter_file).read_text()) if parameter_file else {}
    given = {key: value if isinstance(value, str) else str(value) for key, value in (given or {}).items()}
    given |= parse_pairs(parameter or [])
    spec = {"entrypoint": entrypoint, "serviceAccountName": serviceaccount, "priority": priority}
    if from_ and files:
        raise SpecError("give either files or --from, not both")
    manifests = [manifest for _, manifest in read_manifests(files) if _is_workflow(manifest)]
    if not manifests and not from_:
        raise SpecError("no Workflow found in given files")

    def complete(manifest: Manifest) -> None:
        set_parameters(manifest, given)
        manifest["spec"] |= {key: value for key, value in spec.items() if value not in ("", None)}
        meta = manifest.setdefault("metadata", {})
        meta |= {"name": name} if name else {"generateName": generate_name} if generate_name else {}
        meta.setdefault("labels", {}).update(parse_pairs([part for part in labels.split(",") if part]))
        check_workflow(_named(manifest))

    for manifest in manifests:
        complete(manifest)

    async def work(api: Api, namespace: str) -> int:
        worst = 0
        if from_:
            manifests.append(await manifest_from(api, namespace, from_))
            complete(manifests[0])
        for manifest in manifests:
            home = manifest["metadata"].get("namespace") or namespace
            if dry_run:
                print_workflow(parse_workflow(manifest), output or "yaml")
                continue
            created = await create_workflow(api, home, manifest)
            if output or not watch:
                print_workflow(created, output)
            worst = max(worst, await attend(api, created, watch=watch, wait=wait, log=log))
        return worst

    return with_api(where, work)


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


def _faults(manifest: Manifest) -> list[SpecError]:
    try:
        return find_faults(_named(manifest))
    except SpecError as e:
        return [e]


def lint(*files: str) -> int:
    """Check manifests without a cluster; 1 when one is wrong."""
    wrong = checked = 0
    for name, manifest in read_manifests(files):
        if not _is_workflow(manifest):
            continue
        checked += 1
        faults = _faults(manifest)
        wrong += bool(faults)
        for fault in faults:
            hint = f" ({fault.hint})" if fault.hint else ""
            print(f"{name}: {(manifest.get('metadata') or {}).get('name', '')}: {fault}{hint}")
    print(f"{checked} workflows, {wrong} wrong" if wrong else "no linting errors found!")
    return 1 if wrong or not checked else 0

"""`submit`, `resubmit`, `lint`: manifests become workflows."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import yaml
from cyclopts import Parameter

from tiphys.cli.logs import print_logs
from tiphys.cli.session import Where, create_workflow, exit_code, follow_workflow, read_workflow, with_api
from tiphys.cli.show import Output, print_workflow, watch_workflow
from tiphys.cluster.api import Api
from tiphys.engine.validate import check_workflow
from tiphys.errors import NotFound, SpecError
from tiphys.model.names import LABEL_RESUBMITTED_FROM, PREFIX
from tiphys.model.parse import parse_workflow, to_json
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


def parse_pairs(pairs: list[str]) -> dict[str, str]:
    """`NAME=VALUE` texts as a mapping.

    Raises:
        SpecError: One has no `=`.
    """
    made = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise SpecError(f"expected parameter of the form: NAME=VALUE. Received: {pair}")
        made[name] = value
    return made


def submit(  # noqa: PLR0913 as many options as Argo's
    *files: str,
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
    """Submit workflows from files, `-` for standard input; with --watch, --wait or --log, 1 when one does not succeed."""
    given = yaml.safe_load(Path(parameter_file).read_text()) if parameter_file else {}
    given = {key: value if isinstance(value, str) else str(value) for key, value in (given or {}).items()}
    given |= parse_pairs(parameter or [])
    spec = {"entrypoint": entrypoint, "serviceAccountName": serviceaccount, "priority": priority}
    manifests = [manifest for _, manifest in read_manifests(files) if _is_workflow(manifest)]
    if not manifests:
        raise SpecError("no Workflow found in given files")
    for manifest in manifests:
        set_parameters(manifest, given)
        manifest["spec"] |= {key: value for key, value in spec.items() if value not in ("", None)}
        meta = manifest.setdefault("metadata", {})
        meta |= {"name": name} if name else {"generateName": generate_name} if generate_name else {}
        meta.setdefault("labels", {}).update(parse_pairs([part for part in labels.split(",") if part]))
        check_workflow(_named(manifest))

    async def work(api: Api, namespace: str) -> int:
        worst = 0
        for manifest in manifests:
            home = manifest["metadata"].get("namespace") or namespace
            if dry_run:
                print_workflow(parse_workflow(manifest), output or "yaml")
                continue
            created = await create_workflow(api, home, manifest)
            if output or not watch:
                print_workflow(created, output)
            worst = max(worst, await _attend(api, created, watch=watch, wait=wait, log=log))
        return worst

    return with_api(where, work)


async def _attend(api: Api, created: Workflow, *, watch: bool, wait: bool, log: bool) -> int:
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


def resubmit(name: str, *, watch: bool = False, wait: bool = False, where: Where | None = None) -> int:
    """Submit a workflow again, as a new one."""

    async def work(api: Api, namespace: str) -> int:
        old = to_json(await read_workflow(api, namespace, name))
        meta = old["metadata"]
        generated = meta.get("generateName") or f"{meta['name']}-"
        kept = {key: value for key, value in (meta.get("labels") or {}).items() if not key.startswith(PREFIX)}
        spec = {key: value for key, value in old["spec"].items() if key not in ("shutdown", "suspend")}
        labels = {**kept, LABEL_RESUBMITTED_FROM: meta["name"]}
        manifest = {"apiVersion": old["apiVersion"], "kind": "Workflow", "spec": spec,
                    "metadata": {"generateName": generated, "labels": labels}}  # fmt: skip
        created = await create_workflow(api, namespace, manifest)
        print_workflow(created, "" if not watch else "name")
        return await _attend(api, created, watch=watch, wait=wait, log=False)

    return with_api(where, work)


def lint(*files: str) -> int:
    """Check manifests without a cluster; 1 when one is wrong."""
    wrong = checked = 0
    for name, manifest in read_manifests(files):
        if not _is_workflow(manifest):
            continue
        checked += 1
        try:
            check_workflow(_named(manifest))
        except SpecError as e:
            wrong += 1
            print(f"{name}: {(manifest.get('metadata') or {}).get('name', '')}: {e}")
    print(f"{checked} workflows, {wrong} wrong" if wrong else "no linting errors found!")
    return 1 if wrong or not checked else 0

"""What can be done with stored objects of any kind: WorkflowTemplates, ClusterWorkflowTemplates, CronWorkflows.

Manifests go to the API server as they were written, once nothing is wrong with them.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import yaml

from tiphys.cli.documents import Document, Manifest, read_documents
from tiphys.cli.judge import judge
from tiphys.cli.session import Where, now, with_api
from tiphys.cli.spans import spell
from tiphys.cluster.api import Api, path_of
from tiphys.engine.patch import difference
from tiphys.errors import AlreadyExists, NotFound, SpecError


class Kind(NamedTuple):
    """A kind of stored objects.

    Attributes:
        title: As messages write it: `WorkflowTemplate 'x' deleted`.
    """

    title: str
    is_namespaced: bool = True


Work = Callable[[Api, Kind, str, Manifest], Awaitable[Manifest]]
Fill = Callable[[Manifest], None]
TEMPLATE = Kind("WorkflowTemplate")
CLUSTER_TEMPLATE = Kind("ClusterWorkflowTemplate", is_namespaced=False)
CRON = Kind("CronWorkflow")


def _keep(_manifest: Manifest) -> None:
    """Add nothing."""


def read_objects(kind: Kind, files: tuple[str, ...], *, strict: bool = True) -> list[Document]:
    """The objects of a kind in files.

    Raises:
        SpecError: There is none, or one is wrong; all that is wrong is told.
    """
    found = [document for document in read_documents(files) if document.kind == kind.title]
    if not found:
        raise SpecError(f"no {kind.title} found in given files")
    faults = [fault for document in found for fault in judge(document, None, is_strict=strict)]
    if faults:
        lines = [f"{fault.file}:{fault.line}:{fault.column}: {fault.path}: {fault.reason}" for fault in faults]
        raise SpecError("\n".join(lines), hint="nothing was changed; --strict=false lets unknown fields pass")
    return found


def send(  # noqa: PLR0913 as many options as the commands have
    kind: Kind, files: tuple[str, ...], do: Work, *, output: str, strict: bool, where: Where | None, fill: Fill = _keep
) -> int:
    """Do something with each object of files, once `fill` has added what the command line says; show what came of it."""
    documents = read_objects(kind, files, strict=strict)
    for document in documents:
        fill(document.value)

    async def work(api: Api, namespace: str) -> int:
        for document in documents:
            home = _home(kind, document.value, namespace)
            if kind == CRON:
                await _check_rules(api, namespace, home, document)
            show(kind, await do(api, kind, home, document.value), output)
        return 0

    return with_api(where, work)


async def _check_rules(api: Api, namespace: str, home: str, document: Document) -> None:
    """Let a schedule pass whose workflows the controller would run."""
    # only what is stored is held to rules
    from tiphys.cli.kept import controller_namespaces
    from tiphys.cli.rules import check_rules
    from tiphys.engine.submission import example_of
    from tiphys.model.parse import parse_as
    from tiphys.model.workflow import CronWorkflow

    workflow = example_of(parse_as(CronWorkflow, document.value))
    if workflow is not None:
        await check_rules(api, controller_namespaces(namespace), home, workflow)


def _home(kind: Kind, manifest: Manifest, namespace: str) -> str:
    meta = manifest.get("metadata") or {}
    return str(meta.get("namespace") or namespace) if kind.is_namespaced else ""


async def create(api: Api, kind: Kind, namespace: str, manifest: Manifest) -> Manifest:
    """Create an object; it as the server has it."""
    answer = await api.call("POST", kind.title, path_of(kind.title, namespace), body=manifest)
    return _decoded(answer)


async def update(api: Api, kind: Kind, namespace: str, manifest: Manifest) -> Manifest:
    """Make a stored object what the manifest says: its spec, labels and annotations.

    Raises:
        NotFound: It is not stored.
        Conflict: Somebody else changed it at the same time.
    """
    name = str((manifest.get("metadata") or {}).get("name", ""))
    old = _decoded(await api.read(kind.title, namespace, name))
    old_meta, meta = old["metadata"], manifest.get("metadata") or {}
    patch: dict[str, Any] = {"spec": difference(old.get("spec") or {}, manifest.get("spec") or {})}
    patch["metadata"] = {
        key: difference(old_meta.get(key) or {}, meta[key])
        for key in ("labels", "annotations")
        if isinstance(meta.get(key), dict)
    }
    await api.patch(kind.title, namespace, name, patch, resource_version=old_meta["resourceVersion"])
    return _decoded(await api.read(kind.title, namespace, name))


async def apply(api: Api, kind: Kind, namespace: str, manifest: Manifest) -> Manifest:
    """Create an object, or update the one that is stored."""
    if not (manifest.get("metadata") or {}).get("name"):
        return await create(api, kind, namespace, manifest)
    try:
        return await update(api, kind, namespace, manifest)
    except NotFound:
        try:
            return await create(api, kind, namespace, manifest)
        except AlreadyExists:
            return await update(api, kind, namespace, manifest)


def get(kind: Kind, names: tuple[str, ...], output: str, where: Where | None) -> int:
    """Show objects."""

    async def work(api: Api, namespace: str) -> int:
        for name in names:
            show(kind, await read(api, kind, namespace, name), output)
        return 0

    return with_api(where, work)


async def read(api: Api, kind: Kind, namespace: str, name: str) -> Manifest:
    """A stored object.

    Raises:
        NotFound: There is none.
    """
    return _decoded(await api.read(kind.title, namespace if kind.is_namespaced else "", name))


async def all_objects(api: Api, kind: Kind, namespace: str, selector: str = "") -> AsyncIterator[Manifest]:
    """All objects of a namespace, of all for an empty one."""
    async for page in api.list(kind.title, namespace if kind.is_namespaced else "", labels=selector):
        for raw in page.items:
            yield {"apiVersion": "argoproj.io/v1alpha1", "kind": kind.title, **_decoded(raw)}


def delete(kind: Kind, names: tuple[str, ...], *, all_: bool, where: Where | None) -> int:
    """Delete objects."""

    async def work(api: Api, namespace: str) -> int:
        chosen = list(names)
        if all_:
            chosen += [one["metadata"]["name"] async for one in all_objects(api, kind, namespace)]
        for name in chosen:
            await api.delete(kind.title, namespace if kind.is_namespaced else "", name)
            print(f"{kind.title} '{name}' deleted")
        if not chosen:
            print("No resources found")
        return 0

    return with_api(where, work)


def show(kind: Kind, one: Manifest, output: str) -> None:
    """Print an object: `json`, `yaml`, `name`, or in lines."""
    meta = one["metadata"]
    if output == "json":
        print(msgspec.json.format(msgspec.json.encode(one), indent=2).decode())
    elif output == "yaml":
        print(yaml.safe_dump(one, sort_keys=False), end="")
    elif output == "name":
        print(meta["name"])
    else:
        for name, value in heading(kind, one):
            print(f"{name + ':':<28}{value}".rstrip())


def heading(kind: Kind, one: Manifest) -> list[tuple[str, str]]:
    """The lines that every object has."""
    meta = one["metadata"]
    lines = [("Name", meta["name"])]
    if kind.is_namespaced:
        lines.append(("Namespace", meta.get("namespace", "")))
    return [*lines, ("Created", created(one))]


def created(one: Manifest) -> str:
    """When an object was created, and how long ago."""
    at = time_of(one["metadata"].get("creationTimestamp"))
    return f"{at:%a %b %d %H:%M:%S %z} ({age(one)} ago)" if at else ""


def age(one: Manifest) -> str:
    """How long ago an object was created."""
    at = time_of(one["metadata"].get("creationTimestamp"))
    return spell(now() - at) if at else ""


def time_of(text: object) -> datetime | None:
    """The time that a field of a stored object says."""
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None


def _decoded(content: bytes | msgspec.Raw) -> Manifest:
    found: Manifest = msgspec.json.decode(content)
    return found

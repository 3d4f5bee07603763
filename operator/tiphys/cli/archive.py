"""`archive`: finished workflows in the database."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, NamedTuple

import msgspec
import yaml
from cyclopts import Parameter

from tiphys.cli.database import with_storage
from tiphys.cli.kept import Source
from tiphys.cli.listing import Output, print_list
from tiphys.cli.own_archive import storage_for
from tiphys.cli.rerun import Follow, Resubmit, Retry, until_gone
from tiphys.cli.session import Where, create_workflow, with_api
from tiphys.cli.show import print_workflow
from tiphys.cluster.api import Api
from tiphys.engine.operations.retry import fresh
from tiphys.errors import AlreadyExists, NotFound, SpecError
from tiphys.model.archived import MAX_PAGE, ArchiveQuery
from tiphys.model.packed import small_manifest
from tiphys.model.parse import parse_workflow
from tiphys.model.workflow import Workflow

if TYPE_CHECKING:
    from tiphys.archive.storage import Storage

Rerun = Callable[[Api, Workflow], Awaitable[Workflow]]
Uid = Annotated[bool, Parameter(name=["--uid"])]
Labels = Annotated[str, Parameter(name=["--selector", "-l"])]
All = Annotated[bool, Parameter(name=["--all-namespaces", "-A"])]


def list_(  # noqa: PLR0913 as many options as Argo's
    *,
    selector: Labels = "",
    all_namespaces: All = False,
    prefix: str = "",
    status: str = "",
    limit: int = 0,
    chunk_size: int = 0,
    output: Output = "",
    where: Where | None = None,
    source: Source | None = None,
) -> int:
    """List archived workflows, newest first; --limit 0 for all, --chunk-size for so many rows from the database at a time."""

    async def work(storage: "Storage", namespace: str) -> int:
        query = ArchiveQuery(
            namespace="" if all_namespaces else namespace, labels=selector, name_prefix=prefix,
            phases=tuple(filter(None, status.split(","))), limit=min(chunk_size or limit or MAX_PAGE, MAX_PAGE),
        )  # fmt: skip
        found = await _all(storage, query, limit)
        print_list(found, output, with_namespace=all_namespaces)
        return 0

    return with_storage(where, source, work)


async def _all(storage: "Storage", query: ArchiveQuery, limit: int = 0) -> list[Workflow]:
    """What a query finds, page by page; 0 for no limit."""
    found: list[Workflow] = []
    while True:
        page = await storage.archive.page(query)
        found += [parse_workflow(item) for item in page.items]
        if not page.cursor or (limit and len(found) >= limit):
            return found[:limit] if limit else found
        query = msgspec.structs.replace(query, cursor=page.cursor)


@Parameter(name="*")
@dataclass(kw_only=True)
class Chosen:
    """Which archived workflows are meant beside those that are named.

    Attributes:
        selector: Labels, as `app=x,tier!=y`.
        field_selector: Fields, as `metadata.name=x`, `spec.startedAt>2026-01-31T12:00:00Z`.
    """

    selector: Labels = ""
    field_selector: str = ""

    @property
    def is_said(self) -> bool:
        """Whether anything is chosen so."""
        return bool(self.selector or self.field_selector)

    async def uids(self, storage: "Storage", namespace: str) -> list[str]:
        """The workflows' uids, newest first."""
        # the server reads the same words
        from tiphys.server.choosing import Choice, with_selector

        choice = with_selector(Choice(namespace=namespace, labels=self.selector), self.field_selector)
        return [one.metadata.uid for one in await _all(storage, choice.archive_query(0, MAX_PAGE))]


def get(*names: str, uid: Uid = False, output: Output = "", where: Where | None = None, source: Source | None = None) -> int:
    """Show archived workflows, by name (the newest of that name), or by uid with --uid."""

    async def work(storage: "Storage", namespace: str) -> int:
        for one in names:
            text = await _read(storage, namespace, one, uid=uid)
            if output == "json":
                print(msgspec.json.format(text, indent=2))
            elif output == "yaml":
                print(yaml.safe_dump(msgspec.json.decode(text), sort_keys=False), end="")
            else:
                print_workflow(parse_workflow(text), output)
        return 0

    return with_storage(where, source, work)


async def _read(storage: "Storage", namespace: str, one: str, *, uid: bool) -> str:
    """What is meant by a name or a uid; a word that is no name of a workflow may be a uid, as Argo's users write it."""
    if uid:
        return await storage.archive.read(uid=one)
    try:
        return await storage.archive.read(namespace=namespace, name=one)
    except NotFound:
        return await storage.archive.read(uid=one)


def delete(*names: str, uid: Uid = False, where: Where | None = None, source: Source | None = None) -> int:
    """Forget archived workflows; live ones are not touched."""
    if not names:
        raise SpecError("no workflow given", hint="give names, or uids with --uid")

    async def work(storage: "Storage", namespace: str) -> int:
        for one in names:
            meta = parse_workflow(await _read(storage, namespace, one, uid=uid)).metadata
            await storage.archive.delete(meta.uid)
            print(f"Archived workflow '{meta.name}' deleted")
        return 0

    return with_storage(where, source, work)


def retry(
    *names: str,
    uid: Uid = False,
    chosen: Chosen | None = None,
    how: Retry | None = None,
    follow: Follow | None = None,
    where: Where | None = None,
    source: Source | None = None,
) -> int:
    """Bring archived workflows back and run them again where they failed."""
    change = (how or Retry()).of

    async def one(api: Api, old: Workflow) -> Workflow:
        namespace, name = old.metadata.namespace, old.metadata.name
        await _check_absent(api, namespace, name)
        ready = change(old)
        for pod in ready.pods:
            await api.delete("Pod", namespace, pod)
        await until_gone(api, namespace, ready.pods)
        return await create_workflow(api, namespace, small_manifest(fresh(ready.workflow)))

    return _each(_Meant(names, chosen or Chosen(), uid), one, follow or Follow(), where, source)


async def _check_absent(api: Api, namespace: str, name: str) -> None:
    try:
        await api.read("Workflow", namespace, name)
    except NotFound:
        return
    raise AlreadyExists(f"workflow {name} is still there", hint=f"tiphys retry {name}")


def resubmit(  # noqa: PLR0913 as many options as Argo's
    *names: str,
    uid: Uid = False,
    chosen: Chosen | None = None,
    how: Resubmit | None = None,
    priority: int | None = None,
    follow: Follow | None = None,
    where: Where | None = None,
    source: Source | None = None,
) -> int:
    """Submit archived workflows again, as new ones."""
    renewed = (how or Resubmit()).of

    async def one(api: Api, old: Workflow) -> Workflow:
        new = small_manifest(renewed(old))
        if priority is not None:
            new["spec"]["priority"] = priority
        return await create_workflow(api, old.metadata.namespace, new)

    return _each(_Meant(names, chosen or Chosen(), uid), one, follow or Follow(), where, source)


class _Meant(NamedTuple):
    """Workflows that are named, by uid or not, and those that are chosen."""

    names: tuple[str, ...]
    chosen: Chosen
    is_uid: bool

    async def read(self, storage: "Storage", namespace: str) -> list[Workflow]:
        """They themselves."""
        texts = [await _read(storage, namespace, name, uid=self.is_uid) for name in self.names]
        uids = await self.chosen.uids(storage, namespace) if self.chosen.is_said else []
        found = [parse_workflow(text) for text in (*texts, *[await storage.archive.read(uid=uid) for uid in uids])]
        return list({one.metadata.uid: one for one in found}.values())


def _each(meant: _Meant, one: Rerun, follow: Follow, where: Where | None, source: Source | None) -> int:
    if not meant.names and not meant.chosen.is_said:
        raise SpecError("no workflow given", hint="give names, uids with --uid, --selector LABELS or --field-selector FIELDS")

    async def work(api: Api, namespace: str) -> int:
        worst = 0
        async with storage_for(api, namespace, where, source) as storage:
            for old in await meant.read(storage, namespace):
                worst = max(worst, await follow.attend(api, await one(api, old)))
        return worst

    return with_api(where, work)


def list_label_keys(*, where: Where | None = None, source: Source | None = None) -> int:
    """List the keys of all labels of archived workflows."""

    async def work(storage: "Storage", namespace: str) -> int:
        print("\n".join(await storage.archive.labels(namespace=namespace)))
        return 0

    return with_storage(where, source, work)


def list_label_values(*, selector: Labels, where: Where | None = None, source: Source | None = None) -> int:
    """List the values of a label of archived workflows: -l KEY."""

    async def work(storage: "Storage", namespace: str) -> int:
        print("\n".join(await storage.archive.labels(selector, namespace=namespace)))
        return 0

    return with_storage(where, source, work)

"""The archive of what ran on this machine: a SQLite file beside its state, of the same tables as any other archive.

What has ended goes there before anything forgets it, and before the archive is asked; no run waits for it.
"""

import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import msgspec

from tiphys.cli.kept import Source, kept, opened
from tiphys.cli.session import Where
from tiphys.cluster.api import Api
from tiphys.model.names import LABEL_ARCHIVING_STATUS, LABEL_COMPLETED

if TYPE_CHECKING:
    from tiphys.archive.storage import Storage

_NOT_YET = f"{LABEL_COMPLETED}=true,{LABEL_ARCHIVING_STATUS}!=Archived"


@contextlib.asynccontextmanager
async def storage_for(api: Api, namespace: str, where: Where | None, source: Source | None) -> AsyncIterator["Storage"]:
    """The database that is meant: this machine's with `--local`, else the named one or the controller's."""
    if where is None or not where.local:
        async with kept(api, namespace, source) as storage:
            yield storage
    else:
        async with own_storage() as storage:
            await _archive(api, storage)
            yield storage


async def archive_ended(api: Api, where: Where | None) -> None:
    """Keep what ended on this machine, if that is meant, before it is forgotten."""
    if where is not None and where.local and await _ended(api):
        async with own_storage() as storage:
            await _archive(api, storage)


async def _ended(api: Api) -> bool:
    """Whether anything waits for the archive: without that the database is not even loaded."""
    return any([page.items async for page in api.list("Workflow", "", labels=_NOT_YET)])


@contextlib.asynccontextmanager
async def own_storage() -> AsyncIterator["Storage"]:
    """The database of this machine, made where there is none."""
    from tiphys.archive.target import Target
    from tiphys.local.state import state_folder

    folder = state_folder()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    async with opened(Target(kind="sqlite", name=str(folder / "archive.db"))) as storage:
        await storage.migrate()
        yield storage


async def _archive(api: Api, storage: "Storage") -> None:
    from tiphys.model.archived import ARCHIVED, to_archive

    async for page in api.list("Workflow", "", labels=_NOT_YET):
        for raw in page.items:
            one = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", **msgspec.json.decode(raw)}
            meta = one["metadata"]
            await storage.archive.save(to_archive(one))
            patch = {"metadata": {"labels": {LABEL_ARCHIVING_STATUS: ARCHIVED}}}
            await api.patch("Workflow", meta["namespace"], meta["name"], patch)

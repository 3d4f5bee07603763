"""Commands that work on the database alone, or on it and the cluster."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from tiphys.cli.kept import Source, named, opened, source_of_environment
from tiphys.cli.own_archive import storage_for
from tiphys.cli.session import Where, with_api
from tiphys.cluster.api import Api

if TYPE_CHECKING:
    from tiphys.archive.storage import Storage

T = TypeVar("T")


def with_storage(where: Where | None, source: Source | None, work: Callable[["Storage", str], Awaitable[T]]) -> T:
    """The answer of `work`, which gets the database and the namespace; the cluster is asked only for what is not said."""
    chosen = source or source_of_environment()
    if chosen.database and not (where is not None and where.local):

        async def alone() -> T:
            async with opened(named(chosen)) as storage:
                return await work(storage, (where or Where()).namespace)

        return asyncio.run(alone())

    async def found(api: Api, namespace: str) -> T:
        async with storage_for(api, namespace, where, chosen) as storage:
            return await work(storage, namespace)

    return with_api(where, found)



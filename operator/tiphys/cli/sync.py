"""`sync`: limits of semaphores, in a ConfigMap or in the database that controllers share.

Source: argo-semantics 16.2, features 25.
"""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Parameter

from tiphys.cli.kept import Source, locks_database
from tiphys.cli.session import Where, with_api
from tiphys.cluster.api import Api
from tiphys.cluster.limits import LONGEST_KEY, ConfigMapLimits, Limits, check_size
from tiphys.errors import SpecError


@Parameter(name="*")
@dataclass(kw_only=True)
class Kept:
    """Where a limit is.

    Attributes:
        type_: `configmap` or `database`.
        cm_name: The ConfigMap's name.
    """

    type_: Annotated[Literal["configmap", "database"], Parameter(name="--type")]
    cm_name: str = ""


def create(key: str, /, *, kept: Kept, limit: int, where: Where | None = None, source: Source | None = None) -> int:
    """Set a limit that is not there.

    Args:
        key: The semaphore's.
        kept: Where it is.
        limit: How many may hold it.
        where: The cluster.
        source: The database.
    """
    check_size(limit, "--limit")
    return _with(key, kept, where, source, lambda limits, at: limits.create(at, key, limit), f"limit {key} is {limit}")


def get(key: str, /, *, kept: Kept, where: Where | None = None, source: Source | None = None) -> int:
    """Show a limit."""

    async def show(limits: Limits, namespace: str) -> None:
        print(f"limit {key} is {await limits.read(namespace, key)}")

    return _with(key, kept, where, source, show, "")


def update(key: str, /, *, kept: Kept, limit: int, where: Where | None = None, source: Source | None = None) -> int:
    """Change a limit that is there."""
    check_size(limit, "--limit")
    return _with(key, kept, where, source, lambda limits, at: limits.replace(at, key, limit), f"limit {key} is {limit}")


def delete(key: str, /, *, kept: Kept, where: Where | None = None, source: Source | None = None) -> int:
    """Forget a limit."""
    return _with(key, kept, where, source, lambda limits, at: limits.delete(at, key), f"limit {key} deleted")


def _with(
    key: str, kept: Kept, where: Where | None, source: Source | None, do: Callable[[Limits, str], Awaitable[None]], done: str
) -> int:  # fmt: skip
    if not key or len(key) > LONGEST_KEY:
        raise SpecError(f"a key has 1 to {LONGEST_KEY} characters", path="key")
    if kept.type_ == "configmap" and not kept.cm_name:
        raise SpecError("a limit of a ConfigMap needs its name", path="--cm-name")

    async def work(api: Api, namespace: str) -> int:
        async with _limits(api, namespace, kept, source) as limits:
            await do(limits, namespace)
        if done:
            print(done)
        return 0

    return with_api(where, work)


@contextlib.asynccontextmanager
async def _limits(api: Api, namespace: str, kept: Kept, source: Source | None) -> AsyncIterator[Limits]:
    if kept.type_ == "configmap":
        yield ConfigMapLimits(api, kept.cm_name)
        return
    from tiphys.archive.database import Database
    from tiphys.archive.limits import SqlLimits

    async with locks_database(api, namespace, source) as (target, said):
        database = Database(target)
        try:
            yield SqlLimits(database, said)
        finally:
            await database.close()

"""`db`: the schema of the database."""

from typing import TYPE_CHECKING

from tiphys.cli.database import with_storage
from tiphys.cli.kept import Source
from tiphys.cli.session import Where

if TYPE_CHECKING:
    from tiphys.archive.storage import Storage


def migrate(*, where: Where | None = None, source: Source | None = None) -> int:
    """Bring the schema to this version, from nothing or from what Argo made; running it again changes nothing."""

    async def work(storage: "Storage", _namespace: str) -> int:
        await storage.migrate()
        return await _show(storage)

    return with_storage(where, source, work)


def status(*, where: Where | None = None, source: Source | None = None) -> int:
    """Show where the schema is; 1 when it is to be migrated."""

    async def work(storage: "Storage", _namespace: str) -> int:
        return await _show(storage)

    return with_storage(where, source, work)


def convert(*, where: Where | None = None, source: Source | None = None) -> int:
    """Make lists fast for what Argo archived: what they show of it is written beside it, in batches, while all goes on."""

    async def work(storage: "Storage", _namespace: str) -> int:
        from tiphys.archive.convert import convert as converted
        from tiphys.archive.convert import count_without_summary

        total = await count_without_summary(storage.database)
        async for done in converted(storage.database):
            print(f"{done} of {total}")
        if not total:
            print("nothing to convert")
        return 0

    return with_storage(where, source, work)


async def _show(storage: "Storage") -> int:
    from tiphys.archive.convert import count_without_summary
    from tiphys.archive.migrate import schema_state

    state = await schema_state(storage.database)
    print(f"database:     {storage.database.target.label}")
    print(f"Argo schema:  {state.argo if state.argo >= 0 else 'none'}")
    print(f"revision:     {state.revision or 'none'} of {state.newest}")
    if state.is_current:
        print(f"to convert:   {await count_without_summary(storage.database)}")
        return 0
    print("not migrated: run tiphys db migrate")
    return 1

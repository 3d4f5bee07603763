"""One database: its pool of connections, its transactions, its errors in our words.

No message, representation or log of this module ever holds a password or a value of a statement.
"""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any, Literal

import msgspec
from msgspec.structs import replace
from sqlalchemy import URL, event, exc
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from tiphys.archive.connect import connector
from tiphys.archive.tables import Tables, tables
from tiphys.archive.target import Target
from tiphys.errors import Conflict, Forbidden, InvalidManifest, TiphysError, Unavailable

_DRIVERS = {"postgresql": "postgresql+asyncpg", "mysql": "mysql+asyncmy", "sqlite": "sqlite+aiosqlite"}
# and keys that are there already, or of what is gone already
_DEADLOCKS = {"40001", "40P01", "1213", "1205", "1020", "23503", "23505"}
_IDLE_S = 0.5
_SWITCH_TRIES = 100
Isolation = Literal["SERIALIZABLE"]
_NO_TABLES = {"42P01", "1146"}
_SQLSTATE = 5
# not null and a check, beside the classes 22 (values) and 54 (limits); MySQL's: a packet too large, too long, wrong JSON, ...
_REFUSED_VALUES = {"23502", "23514", "1048", "1118", "1153", "1264", "1292", "1366", "1406", "3140", "3819", "4025"}
_REFUSED_LOGINS = {"28P01", "28000", "1045", "1044", "1698"}


class Database:
    """A pool of connections. Close it when done."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.tables: Tables = tables(target.offload_table, target.kind)
        self.engine: AsyncEngine = _engine(target)
        self._alone = self.engine.execution_options(isolation_level="AUTOCOMMIT")

    @property
    def kind(self) -> str:
        """`postgresql`, `mysql` or `sqlite`."""
        return self.target.kind

    @contextlib.asynccontextmanager
    async def transaction(self, *, seconds: float = 0, isolation: Isolation | None = None) -> AsyncIterator[AsyncConnection]:
        """A connection in a transaction: committed at the end, rolled back by any error.

        Args:
            seconds: How long it may take; 0 for the target's limit on statements.
            isolation: None for the database's usual one.

        Raises:
            Unavailable: No connection, or it broke, or it took too long.
            Conflict: Another transaction was in the way; a second try may succeed.
            InvalidManifest: The database does not take such a value.
            Forbidden: The login or a right is missing.
        """
        if self.kind == "postgresql" and seconds > self.target.statement_s:
            # its connections have a limit of their own, which is there for a server that hangs
            async with self._patient(seconds, isolation) as connection:
                yield connection
            return
        with self._told():
            engine = self.engine if isolation is None else self.engine.execution_options(isolation_level=isolation)
            async with asyncio.timeout(seconds or self.target.statement_s), engine.begin() as connection:
                yield connection

    @contextlib.asynccontextmanager
    async def _patient(self, seconds: float, isolation: Isolation | None) -> AsyncIterator[AsyncConnection]:
        other = Database(replace(self.target, statement_s=seconds))
        try:
            async with other.transaction(isolation=isolation) as connection:
                yield connection
        finally:
            await other.close()

    @contextlib.asynccontextmanager
    async def driver(self) -> AsyncIterator[Any]:
        """The driver's own connection, for the one statement that is run for each workflow: a transaction of its own.

        What stands between takes as much time as the driver itself. Raises as `transaction` does; PostgreSQL alone.
        """
        import asyncpg

        with self._told():
            async with asyncio.timeout(self.target.statement_s), self._alone.connect() as connection:
                own = (await connection.get_raw_connection()).driver_connection
                try:
                    yield own
                except (asyncpg.PostgresError, asyncpg.InterfaceError) as e:
                    # the pool does not see what happens here
                    if own is None or own.is_closed():
                        await connection.invalidate()
                    raise as_error(e, self.target.label) from None
                except BaseException:
                    await connection.invalidate()
                    raise

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except TiphysError:
            raise
        except (exc.SQLAlchemyError, OSError, TimeoutError) as e:
            raise as_error(e, self.target.label) from None

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()


def _engine(target: Target) -> AsyncEngine:
    pool = target.pool
    sizes: dict[str, Any] = {
        "pool_size": max(1, pool.idle),
        "max_overflow": max(0, pool.open_ - pool.idle) if pool.open_ else 10,
        "pool_timeout": pool.wait_s,
        "pool_recycle": pool.lifetime_s or -1,
    }
    if target.kind == "sqlite":
        # one writer at a time is all it knows; a database in memory lives in its only connection
        sizes = {**sizes, "pool_size": 1, "max_overflow": 0}
    url = URL.create(_DRIVERS[target.kind], database=(target.name or ":memory:") if target.kind == "sqlite" else target.name)
    how = {} if target.kind == "sqlite" else {"async_creator": connector(target)}
    # JSON goes in and comes out as text: bodies are large, and nobody here looks into them
    engine = create_async_engine(
        url, json_serializer=_as_text, json_deserializer=_as_is, hide_parameters=True, **how, **sizes
    )  # fmt: skip
    if target.kind == "sqlite":
        event.listen(engine.sync_engine, "connect", _set_up_sqlite)
    else:
        _look_after(engine)
    return engine


def _look_after(engine: AsyncEngine) -> None:
    """A connection that was idle is asked whether it still works; not one in constant use, for that costs as much as a write."""
    pool, dialect = engine.sync_engine.pool, engine.sync_engine.dialect

    def given_back(_connection: Any, record: Any) -> None:
        record.info["idle_since"] = time.monotonic()

    def taken(connection: Any, record: Any, _proxy: Any) -> None:
        since = record.info.get("idle_since")
        if since is None or time.monotonic() - since < _IDLE_S:
            return
        try:
            dialect.do_ping(connection)
        except Exception as e:
            # the pool opens another one
            raise exc.DisconnectionError from e

    event.listen(pool, "checkin", given_back)
    event.listen(pool, "checkout", taken)


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _as_is(text: object) -> str:
    return text if isinstance(text, str) else msgspec.json.encode(text).decode()


def _set_up_sqlite(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in ("busy_timeout=20000", "foreign_keys=ON", "synchronous=FULL"):
        cursor.execute(f"PRAGMA {pragma}")
    _switch_to_log(cursor)
    cursor.close()


def _switch_to_log(cursor: Any) -> None:
    """Change to the write-ahead log, which is refused at once, and not waited for, while another connection writes."""
    for tries_left in reversed(range(_SWITCH_TRIES)):
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if not tries_left:
                raise
            # this is waited for
            cursor.execute("BEGIN IMMEDIATE")
            cursor.execute("COMMIT")
        else:
            return


def _codes(error: BaseException) -> set[str]:
    """SQLSTATE, and MySQL's number."""
    original = getattr(error, "orig", None) or error
    return {str(code) for code in (getattr(original, "sqlstate", None), *getattr(original, "args", ())[:1]) if code}


def _message(error: BaseException) -> str:
    original = getattr(error, "orig", None) or error
    cause = getattr(original, "__cause__", None)
    arguments: tuple[object, ...] = getattr(original, "args", ())
    text = str(arguments[1]) if len(arguments) > 1 else str(cause or original)
    return (text.splitlines() or [""])[0] or type(original).__name__


def as_error(error: BaseException, label: str) -> TiphysError:
    """The error in our words; what it says of values is left out."""
    codes, message = _codes(error), f"{label}: {_message(error)}"
    if codes & _REFUSED_VALUES or any(len(code) == _SQLSTATE and code.startswith(("22", "54")) for code in codes):
        return InvalidManifest(message)
    if codes & _DEADLOCKS or "database is locked" in message or isinstance(error, exc.IntegrityError):
        return Conflict(message)
    if codes & _NO_TABLES or "no such table" in message:
        return Unavailable(message, hint="tiphys db migrate makes the tables")
    if codes & _REFUSED_LOGINS:
        return Forbidden(message)
    if isinstance(error, TimeoutError):
        return Unavailable(f"{label}: no answer in time")
    if isinstance(error, exc.DBAPIError) and error.connection_invalidated:
        return Unavailable(message)
    if isinstance(error, exc.DataError):
        return InvalidManifest(message)
    return Unavailable(message)



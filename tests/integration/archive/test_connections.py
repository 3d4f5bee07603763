"""Connections: encrypted where that is offered, by the login of the moment, limited in number and in time."""

import asyncio
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import text
from tests.databases.servers import PASSWORD, MariaDB, Postgres, Server
from tests.integration.archive.conftest import Opened

from tiphys.archive.database import Database
from tiphys.archive.target import Login, Pool, Target, constant
from tiphys.errors import Forbidden, TiphysError, Unavailable

IS_ENCRYPTED = {
    "postgresql": "select case when ssl then version else '' end from pg_stat_ssl where pid = pg_backend_pid()",
    "mysql": "select variable_value from information_schema.session_status where variable_name = 'Ssl_version'",
}
SLEEP = {"postgresql": "select pg_sleep(30)", "mysql": "select sleep(30)"}


@pytest.fixture(scope="module")
def encrypting(servers: dict[str, Server]) -> Iterator[dict[str, Server]]:
    known: dict[str, Server] = {"postgresql": Postgres(tls=True), "mysql": MariaDB(tls=True)}
    for one in known.values():
        one.start()
    yield known
    for one in known.values():
        one.stop()


async def ask(database: Database, statement: str, **transaction: float) -> str:
    async with database.transaction(**transaction) as connection:
        return str((await connection.execute(text(statement))).scalar_one())


async def test_connections_are_encrypted_where_the_server_offers_it(server: Server, encrypting: dict[str, Server], opened: Opened) -> None:
    offered = encrypting[server.kind]
    assert (await ask(opened(offered.target()), IS_ENCRYPTED[server.kind])).startswith("TLS")
    assert await ask(opened(server.target()), IS_ENCRYPTED[server.kind]) == ""
    assert await ask(opened(offered.target(tls="disable")), IS_ENCRYPTED[server.kind]) == ""


async def test_encryption_that_is_demanded_and_not_offered_is_an_error(server: Server, opened: Opened) -> None:
    with pytest.raises(TiphysError):
        await ask(opened(server.target(tls="require")), "select 1")


async def test_a_certificate_that_nobody_vouches_for_is_refused_when_it_is_to_be_verified(
    server: Server, encrypting: dict[str, Server], opened: Opened
) -> None:
    offered = encrypting[server.kind]
    assert (await ask(opened(offered.target(tls="require")), IS_ENCRYPTED[server.kind])).startswith("TLS")
    assert (await ask(opened(offered.target(tls="verify-full", ca=offered.certificate)), IS_ENCRYPTED[server.kind])).startswith("TLS")
    with pytest.raises(TiphysError):
        await ask(opened(offered.target(tls="verify-full")), "select 1")


async def test_a_wrong_password_is_forbidden_and_not_told(server: Server, opened: Opened) -> None:
    target = Target(kind=server.kind, host=server.host, port=server.port, name="tiphys", login=constant(Login("tiphys", "wr0ng")))  # type: ignore[arg-type]
    with pytest.raises(Forbidden) as error:
        await ask(opened(target), "select 1")
    assert "wr0ng" not in str(error.value)


async def test_each_new_connection_asks_who_it_is(server: Server, opened: Opened) -> None:
    passwords = ["0ld", PASSWORD]

    async def login() -> Login:
        return Login("tiphys", passwords.pop(0))

    database = opened(Target(kind=server.kind, host=server.host, port=server.port, name="tiphys", login=login))  # type: ignore[arg-type]
    with pytest.raises(Forbidden):
        await ask(database, "select 1")
    assert await ask(database, "select 1") == "1"
    assert passwords == []


async def test_bodies_are_neither_escaped_nor_compressed_the_slow_way(server: Server, opened: Opened) -> None:
    database = opened(server.target())
    quick = {"postgresql": ("show default_toast_compression", "lz4"), "mysql": ("select @@sql_mode", "NO_BACKSLASH_ESCAPES")}
    statement, want = quick[server.kind]
    assert want in await ask(database, statement)
    if server.kind == "mysql":
        strict = server.sql("select @@sql_mode").strip()
        assert set((await ask(database, statement)).split(",")) == {*strict.split(","), want}, "what the server is strict about stays"


async def test_a_statement_that_takes_too_long_is_given_up_and_the_pool_is_not_hurt(server: Server, opened: Opened) -> None:
    database = opened(server.target(pool=Pool(idle=1, open_=1)))
    began = time.monotonic()
    with pytest.raises(Unavailable, match="no answer in time"):
        await ask(database, SLEEP[server.kind], seconds=0.5)
    assert time.monotonic() - began < 20
    assert await ask(database, "select 1") == "1"


async def test_a_migration_may_take_longer_than_other_statements(server: Server, opened: Opened) -> None:
    database = opened(server.target(statement_s=0.2))
    async with database.transaction(seconds=60) as connection:
        await connection.exec_driver_sql("select pg_sleep(0.5)" if server.kind == "postgresql" else "select sleep(0.5)")


async def test_never_more_connections_than_allowed(server: Server, opened: Opened) -> None:
    database = opened(server.target(pool=Pool(idle=1, open_=3)))
    most = 0

    async def work() -> None:
        nonlocal most
        async with database.transaction() as connection:
            most = max(most, int(str(database.engine.pool.checkedout())))  # type: ignore[attr-defined]
            await connection.execute(text("select 1"))
            await asyncio.sleep(0.02)

    await asyncio.gather(*(work() for _ in range(20)))
    assert most == 3


async def test_a_server_that_is_away_is_told_at_once_and_used_again_when_it_is_back(server: Server, opened: Opened) -> None:
    database = opened(server.target())
    assert await ask(database, "select 1") == "1"
    server.kill()
    with pytest.raises(Unavailable) as error:
        await ask(database, "select 1")
    assert PASSWORD not in str(error.value)
    server.start()
    assert await ask(database, "select 1") == "1"

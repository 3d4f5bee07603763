"""Callers share open connections to the cluster, and each is answered by his own rights all the same."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from tests.integration.server.serving import running

from tiphys.cluster.connection import Access, ConnectionPool
from tiphys.server.subject import Gate
from tiphys.testing.apiserver import APIServer
from tiphys.testing.apiserver.rights import User


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while part := await reader.read(65536):
            writer.write(part)
            await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def counted(address: str) -> AsyncIterator[tuple[str, list[int]]]:
    """Another address of a server, and the connections that came by it."""
    target, came = urlsplit(address), list[int]()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(len(came))
        there, back = await asyncio.open_connection(target.hostname, target.port)
        await asyncio.gather(_copy(reader, back), _copy(there, writer))

    door = await asyncio.start_server(accept, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{door.sockets[0].getsockname()[1]}", came
    door.close()


async def test_callers_share_a_connection_and_not_their_rights() -> None:
    async with APIServer() as cluster, counted(cluster.address) as (address, came):
        cluster.users.add("one", User("one", lambda *_: True))
        cluster.users.add("other", User("other", lambda *_: False))
        gate = Gate(access=Access(server=address, token=lambda: "wrong"), modes=frozenset({"client"}))
        async with running(cluster, gate) as served:
            served.put("w")
            for token, code in (("one", 200), ("other", 403), ("fake", 401), ("one", 200)):
                found, _ = await served.ask("GET", "/api/v1/workflows/ns/w", headers={"Authorization": f"Bearer {token}"})
                assert (token, found) == (token, code)
            assert len(came) == 1


async def test_who_has_another_certificate_has_other_connections() -> None:
    pool = ConnectionPool()
    plain = Access(server="http://127.0.0.1:1")
    tokens = [Access(server=plain.server, token=lambda: "a"), Access(server=plain.server, token=lambda: "b")]
    assert {id(pool.connector(one)) for one in (plain, *tokens)} == {id(pool.connector(plain))}
    assert pool.connector(Access(server=plain.server, certificate=b"c", key=b"k")) is not pool.connector(plain)
    shared = pool.connector(plain)
    await pool.close()
    assert shared.closed

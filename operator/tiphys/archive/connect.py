"""Opening connections: who we are is asked for each of them, and they are encrypted wherever the server offers it.

Differs from Argo: connections are encrypted wherever the server offers it, unless the configuration says otherwise.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

from tiphys.archive.target import Login, Target
from tiphys.errors import SpecError

_HANDSHAKE_LIMIT = 4096
_OFFERS_TLS = 0x0800
# the server's usual compression takes several times as long as its other one, which it may not be built with
_COMPRESS = """
select set_config(name, 'lz4', false) from pg_settings where name = 'default_toast_compression' and 'lz4' = any(enumvals)
"""


def connector(target: Target) -> Callable[[], Awaitable[Any]]:
    """Opens connections of the driver's own kind to a server."""
    return _postgresql(target) if target.kind == "postgresql" else _mysql(target)


async def _login(target: Target) -> Login:
    return await target.login() if target.login is not None else Login()


def tls_context(target: Target) -> ssl.SSLContext:
    """What the configuration demands of the server's certificate.

    Raises:
        SpecError: Its authority is no certificate.
    """
    context = ssl.create_default_context()
    if target.ca:
        try:
            context.load_verify_locations(cadata=target.ca)
        except ssl.SSLError as e:
            raise SpecError("the certificate authority is no PEM certificate", path="persistence.postgresql.sslMode") from e
    context.check_hostname = target.tls == "verify-full"
    context.verify_mode = ssl.CERT_REQUIRED if target.tls in ("verify-ca", "verify-full") else ssl.CERT_NONE
    return context


def _postgresql(target: Target) -> Callable[[], Awaitable[Any]]:
    async def connect() -> Any:
        import asyncpg

        login = await _login(target)
        # the driver knows `prefer` itself: encrypted, or plain where the server offers nothing better
        tls: Any = target.tls if target.tls in ("disable", "prefer") else tls_context(target)
        connection = await asyncpg.connect(
            host=target.host, port=target.port, user=login.username, password=login.password, database=target.name,
            ssl=tls, timeout=target.connect_s, command_timeout=target.statement_s,
            server_settings={"application_name": "tiphys", "timezone": "UTC", **target.options},
        )  # fmt: skip
        try:
            await connection.execute(_COMPRESS)
        except BaseException:
            connection.terminate()
            raise
        return connection

    return connect


def _mysql(target: Target) -> Callable[[], Awaitable[Any]]:
    offered: list[bool] = []

    async def connect() -> Any:
        import asyncmy

        login = await _login(target)
        if target.tls == "prefer" and not offered:
            offered.append(await offers_tls(target.host, target.port, target.connect_s))
        encrypted = target.tls not in ("disable", "prefer") or (target.tls == "prefer" and offered[0])
        return await asyncmy.connect(
            host=target.host, port=target.port, user=login.username, password=login.password, database=target.name,
            charset="utf8mb4", connect_timeout=target.connect_s, ssl=tls_context(target) if encrypted else None,
            # without backslashes the driver escapes a body by doubling its quotes: a tenth of the work
            init_command="SET time_zone = '+00:00', sql_mode = concat_ws(',', nullif(@@sql_mode, ''), 'NO_BACKSLASH_ESCAPES')",
        )  # fmt: skip

    return connect


async def offers_tls(host: str, port: int, seconds: float) -> bool:
    """Whether a MySQL or MariaDB server can encrypt: its greeting says so, and the driver does not look."""
    async with asyncio.timeout(seconds):
        reader, writer = await asyncio.open_connection(host, port)
        try:
            head = await reader.readexactly(4)
            greeting = await reader.readexactly(min(int.from_bytes(head[:3], "little"), _HANDSHAKE_LIMIT))
        finally:
            writer.close()
    # version 10, the server's version ended by a zero, thread id (4), salt (8), filler (1), then capabilities
    flags = greeting.find(b"\0", 1) + 14
    return bool(int.from_bytes(greeting[flags : flags + 2], "little") & _OFFERS_TLS)

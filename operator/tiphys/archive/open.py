"""The database that the configuration describes. Secrets are read by name, whenever a connection is opened, and kept nowhere.

Source: argo-semantics 25, features 20.
"""

from collections.abc import Awaitable, Callable
from typing import get_args

from msgspec.structs import replace

from tiphys.archive.target import Kind, Login, Pool, Target, Tls
from tiphys.archive.tokens import azure_token, rds_token
from tiphys.errors import SpecError
from tiphys.model.base import KeySelector
from tiphys.settings.database import ConnectionPool, Database, MySQL, Persistence, PostgreSQL

SecretReader = Callable[[str, str], Awaitable[str]]
"""The value of a key of a Secret: name, key."""
Logins = Callable[[], Awaitable[Login]]
_MYSQL_TLS: dict[str, Tls] = {
    "": "prefer",
    "true": "verify-full",
    "skip-verify": "require",
    "preferred": "prefer",
    "false": "disable",
}
_MYSQL_HARMLESS = frozenset(
    {"parseTime", "loc", "charset", "collation", "interpolateParams", "multiStatements", "timeout", "readTimeout", "writeTimeout",
     "allowNativePasswords", "allowCleartextPasswords", "checkConnLiveness", "maxAllowedPacket", "clientFoundRows", "tls"}
)  # fmt: skip
"""Options of Go's driver that tell how it, not the server, behaves; ours needs none of them."""


def target_of(persistence: Persistence, secrets: SecretReader, *, instance_id: str | None = None) -> Target | None:
    """The database that `persistence` names; None where it names none.

    Raises:
        SpecError: It names two, or something in it cannot be done.
    """
    made = database_target(persistence, secrets, "persistence")
    if made is None:
        return None
    table = (persistence.postgresql or persistence.mysql or PostgreSQL()).table_name
    return replace(
        made, cluster=persistence.cluster_name, instance_id=instance_id, offload_table=table or made.offload_table,
        connect_s=float(persistence.connection_timeout_seconds),
    )  # fmt: skip


def database_target(database: Database, secrets: SecretReader, path: str) -> Target | None:
    """The database of one block of the configuration, found at `path` in it; None where it names none.

    Raises:
        SpecError: It names two, or something in it cannot be done.
    """
    if database.postgresql is not None and database.mysql is not None:
        raise SpecError("postgresql and mysql are both set", path=path, hint="leave one of them out")
    if database.postgresql is not None:
        return _postgresql(database.postgresql, _pool(database.connection_pool), secrets, f"{path}.postgresql")
    if database.mysql is not None:
        return _mysql(database.mysql, _pool(database.connection_pool), secrets, f"{path}.mysql")
    return None


def _pool(pool: ConnectionPool | None) -> Pool:
    if pool is None:
        return Pool()
    lifetime = int(pool.conn_max_lifetime.total_seconds()) if pool.conn_max_lifetime else 0
    most = pool.max_open_conns
    idle = pool.max_idle_conns or Pool().idle
    return Pool(idle=min(idle, most) if most else idle, open_=most, lifetime_s=lifetime)


def _login(username: KeySelector | None, password: KeySelector | None, secrets: SecretReader, path: str) -> Logins:
    if username is None:
        raise SpecError("userNameSecret is missing", path=path, hint="name a Secret and its key")

    async def answer() -> Login:
        name = await secrets(username.name, username.key)
        return Login(name, await secrets(password.name, password.key) if password is not None else "")

    return answer


def _postgresql(said: PostgreSQL, pool: Pool, secrets: SecretReader, path: str) -> Target:
    return Target(
        kind="postgresql", host=said.host, port=said.port, name=_database_name(said, path), pool=pool,
        login=_postgresql_login(said, secrets, path), tls=_postgresql_tls(said, path),
    )  # fmt: skip


def _postgresql_login(said: PostgreSQL, secrets: SecretReader, path: str) -> Logins:
    plain = _login(said.user_name_secret, said.password_secret, secrets, path)
    by_rds = said.aws_rds_token is not None and said.aws_rds_token.enabled
    by_azure = said.azure_token is not None and said.azure_token.enabled
    if by_rds and by_azure:
        raise SpecError("awsRDSToken and azureToken are both enabled", path=path)
    if not by_rds and not by_azure:
        return plain

    async def with_token() -> Login:
        username = (await plain()).username
        if said.aws_rds_token is not None and by_rds:
            return Login(username, await rds_token(said.host, said.port, username, said.aws_rds_token.region))
        return Login(username, await azure_token(said.azure_token.scope if said.azure_token else ""))

    return with_token


def _postgresql_tls(said: PostgreSQL, path: str) -> Tls:
    if said.ssl_mode in ("", "allow"):
        return "require" if said.ssl else "prefer"
    known: tuple[Tls, ...] = get_args(Tls)
    for mode in known:
        if mode == said.ssl_mode:
            return mode
    raise SpecError(f"unknown mode {said.ssl_mode!r}", path=f"{path}.sslMode", hint=f"one of {', '.join(known)}")


def _mysql(said: MySQL, pool: Pool, secrets: SecretReader, path: str) -> Target:
    tls = _MYSQL_TLS.get(said.options.get("tls", ""))
    if tls is None:
        message = f"unknown value {said.options['tls']!r}"
        raise SpecError(message, path=f"{path}.options.tls", hint="true, skip-verify, preferred or false")
    unknown = sorted(set(said.options) - _MYSQL_HARMLESS)
    if unknown:
        raise SpecError(f"option {unknown[0]!r} is not supported", path=f"{path}.options")
    kind: Kind = "mysql"
    login = _login(said.user_name_secret, said.password_secret, secrets, path)
    return Target(kind=kind, host=said.host, port=said.port, name=_database_name(said, path), login=login, tls=tls, pool=pool)


def _database_name(said: PostgreSQL | MySQL, path: str) -> str:
    for field, value in (("host", said.host), ("database", said.database)):
        if not value:
            raise SpecError(f"{field} is missing", path=path)
    return said.database

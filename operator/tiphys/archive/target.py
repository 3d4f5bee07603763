"""Which database, and as whom: everything that a connection needs, with nothing that a log may not see.

`parse_target` reads addresses as people write them: `postgresql://user@host:5432/name`, `mysql://...`, `sqlite:///path`.
"""

from collections.abc import Awaitable, Callable
from typing import Literal
from urllib.parse import unquote, urlsplit

import msgspec

from tiphys.errors import SpecError

Kind = Literal["postgresql", "mysql", "sqlite"]
Tls = Literal["disable", "prefer", "require", "verify-ca", "verify-full"]
_PORTS = {"postgresql": 5432, "mysql": 3306, "sqlite": 0}
_KINDS: dict[str, Kind] = {
    "postgres": "postgresql",
    "postgresql": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
    "sqlite": "sqlite",
}


class Login(msgspec.Struct, frozen=True):
    """Who connects."""

    username: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return f"Login(username={self.username!r})"


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """How many connections.

    Attributes:
        idle: Kept open.
        open_: At most at once; 0 for 10 more than `idle`.
        lifetime_s: A connection is replaced after this; 0 for never.
        wait_s: How long a statement waits for a connection.
    """

    idle: int = 4
    open_: int = 0
    lifetime_s: int = 0
    wait_s: float = 20.0


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One database.

    Attributes:
        login: Asked for each new connection, so that rotated passwords and short-lived tokens are taken up.
        name: The database; for SQLite the file, empty for one in memory.
        cluster: Rows are ours if their `clustername` is this.
        instance_id: Only workflows of this controller; None for all.
        connect_s: How long opening a connection may take.
        statement_s: How long a statement may take.
        options: The driver's own, as the configuration says them.
    """

    kind: Kind
    host: str = ""
    port: int = 0
    name: str = ""
    login: Callable[[], Awaitable[Login]] | None = None
    tls: Tls = "prefer"
    ca: str = ""
    pool: Pool = Pool()
    cluster: str = "default"
    instance_id: str | None = None
    offload_table: str = "argo_workflows"
    connect_s: float = 5.0
    statement_s: float = 60.0
    options: dict[str, str] = {}

    @property
    def label(self) -> str:
        """Which database it is, for people; holds no secret."""
        return f"{self.kind} {self.host}:{self.port}/{self.name}" if self.host else f"{self.kind} {self.name or 'in memory'}"


def constant(login: Login) -> Callable[[], Awaitable[Login]]:
    """Always the same login."""

    async def answer() -> Login:
        return login

    return answer


def parse_target(address: str, *, password: str = "") -> Target:
    """The database that an address names; a password in it is taken, one given apart wins.

    Raises:
        SpecError: It names none.
    """
    parts = urlsplit(address)
    kind = _KINDS.get(parts.scheme.partition("+")[0])
    if kind is None:
        raise SpecError(
            f"{parts.scheme or 'nothing'!r} is no database we know",
            path="database",
            hint="postgresql://USER@HOST:PORT/NAME, mysql://USER@HOST:PORT/NAME or sqlite:///FILE",
        )
    if kind == "sqlite":
        return Target(kind=kind, name=unquote(parts.path.removeprefix("/")) if parts.path != "/" else "")
    try:
        port = parts.port or _PORTS[kind]
    except ValueError as e:
        raise SpecError("the port is no number", path="database") from e
    if not parts.hostname or not parts.path.strip("/"):
        raise SpecError("the address names no host or no database", path="database")
    login = Login(unquote(parts.username or ""), password or unquote(parts.password or ""))
    return Target(kind=kind, host=parts.hostname, port=port, name=unquote(parts.path.strip("/")), login=constant(login))

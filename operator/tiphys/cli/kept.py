"""What a command finds outside the API server: the database that the controller keeps workflows in.

It is the one of `--database`, or else the one of the controller's own configuration, with the login of its Secrets. One whose
host is a Service of the cluster is reached through the API server, where this machine does not know the name.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import Parameter

from tiphys.cluster.api import Api
from tiphys.cluster.forward import forwarded, service_of
from tiphys.cluster.secret_values import secret_reader
from tiphys.errors import Forbidden, NotFound, SpecError
from tiphys.settings.configuration import Configuration
from tiphys.settings.database import Synchronization
from tiphys.settings.read import parse_configuration

if TYPE_CHECKING:
    from tiphys.archive.storage import Storage
    from tiphys.archive.target import Target

_USUAL_NAMESPACES = ("argo", "tiphys")
_PASSWORD = "TIPHYS_DATABASE_PASSWORD"  # noqa: S105 the name of a variable


@Parameter(name="*")
@dataclass(kw_only=True)
class Source:
    """Which database.

    Attributes:
        database: Its address, as postgresql://USER@HOST:PORT/NAME; the password is read from TIPHYS_DATABASE_PASSWORD.
        database_host: HOST:PORT instead of what the controller's configuration says, as for a forwarded port.
        controller_namespace: Where the controller's configuration is.
        configmap: Its name.
    """

    database: Annotated[str, Parameter(env_var="TIPHYS_DATABASE")] = ""
    database_host: Annotated[str, Parameter(env_var="TIPHYS_DATABASE_HOST")] = ""
    controller_namespace: Annotated[str, Parameter(env_var="TIPHYS_CONTROLLER_NAMESPACE")] = ""
    configmap: Annotated[str, Parameter(name="--configmap")] = "workflow-controller-configmap"


def source_of_environment() -> Source:
    """The database that the environment names, for commands without options for it."""
    say = os.environ.get
    return Source(
        database=say("TIPHYS_DATABASE", ""),
        database_host=say("TIPHYS_DATABASE_HOST", ""),
        controller_namespace=say("TIPHYS_CONTROLLER_NAMESPACE", ""),
    )


def controller_namespaces(namespace: str, source: Source | None = None) -> list[str]:
    """Where the controller's configuration may be: where somebody says, else here and in the usual places."""
    said = (source or source_of_environment()).controller_namespace
    return [said] if said else [*dict.fromkeys((namespace, *_USUAL_NAMESPACES))]


@contextlib.asynccontextmanager
async def kept(api: Api, namespace: str, source: Source | None = None) -> AsyncIterator["Storage"]:
    """The database, open.

    Raises:
        NotFound: Nothing says where it is.
    """
    chosen = source or source_of_environment()
    async with contextlib.AsyncExitStack() as stack:
        if chosen.database:
            target = named(chosen)
        else:
            target, place = await _configured(api, namespace, chosen)
            target = await _reachable(api, stack, target, place)
        yield await stack.enter_async_context(opened(target))


@contextlib.asynccontextmanager
async def locks_database(
    api: Api, namespace: str, source: Source | None = None
) -> AsyncIterator[tuple["Target", Synchronization]]:  # fmt: skip
    """The database of locks that controllers share, and how its tables are called.

    Raises:
        NotFound: Nothing says where it is.
    """
    from tiphys.archive.open import database_target

    chosen = source or source_of_environment()
    places = controller_namespaces(namespace, chosen)
    said, place = None, ""
    for place in places:
        said = (await _configuration(api, place, chosen.configmap)).synchronization
        if said is not None:
            break
    if chosen.database:
        yield named(chosen), said or Synchronization()
        return
    target = database_target(said, secret_reader(api, place), "synchronization") if said is not None else None
    if target is None or said is None:
        raise NotFound(
            f"no database of locks: ConfigMap {chosen.configmap} of {', '.join(places)} names none",
            hint="give --database ADDRESS, or --controller-namespace NAMESPACE",
        )
    async with contextlib.AsyncExitStack() as stack:
        yield await _reachable(api, stack, _elsewhere(target, chosen.database_host), place), said


@contextlib.asynccontextmanager
async def opened(target: "Target") -> AsyncIterator["Storage"]:
    """What a database gives."""
    from tiphys.archive.storage import open_storage

    storage = open_storage(target)
    try:
        yield storage
    finally:
        await storage.close()


def named(source: Source) -> "Target":
    """The database that `--database` names."""
    from tiphys.archive.target import parse_target

    return parse_target(source.database, password=os.environ.get(_PASSWORD, ""))


async def _reachable(api: Api, stack: contextlib.AsyncExitStack, target: "Target", place: str) -> "Target":
    """The database by an address that leads there from this machine."""
    service = service_of(target.host, place)
    if service is None or await _is_known(target.host):
        return target
    try:
        host, port = await stack.enter_async_context(forwarded(api, *service, target.port))
    except (NotFound, Forbidden) as e:
        raise NotFound(
            f"this machine knows no {target.host}, and the cluster leads to none: {e.message}",
            hint="give --database-host HOST:PORT, as of a port that you forward",
        ) from e
    return msgspec.structs.replace(target, host=host, port=port)


async def _is_known(host: str) -> bool:
    try:
        await asyncio.get_running_loop().getaddrinfo(host, None)
    except OSError:
        return False
    return True


async def _configured(api: Api, namespace: str, source: Source) -> tuple["Target", str]:
    """The database, and the namespace whose configuration names it.

    Raises:
        NotFound: Nothing does.
    """
    from tiphys.archive.open import target_of

    places = controller_namespaces(namespace, source)
    for place in places:
        said = (await _configuration(api, place, source.configmap)).persistence
        target = None if said is None else target_of(said, secret_reader(api, place))
        if target is not None:
            return _elsewhere(target, source.database_host), place
    raise NotFound(
        f"no database: ConfigMap {source.configmap} of {', '.join(places)} names none",
        hint="give --database ADDRESS, or --controller-namespace NAMESPACE",
    )


def _elsewhere(target: "Target", host: str) -> "Target":
    if not host:
        return target
    name, _, port = host.rpartition(":")
    if not name or not port.isdecimal():
        raise SpecError(f"{host!r} is no HOST:PORT", path="--database-host")
    return msgspec.structs.replace(target, host=name, port=int(port))


async def _configuration(api: Api, namespace: str, config_map: str) -> Configuration:
    try:
        found = msgspec.json.decode(await api.read("ConfigMap", namespace, config_map))
    except (NotFound, Forbidden):
        return Configuration()
    return parse_configuration(found.get("data") or {})

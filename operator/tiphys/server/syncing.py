"""Limits of semaphores: keys of a ConfigMap, or rows of the database that controllers share.

Source: rest-and-clients 1.1, rank 4; argo-semantics 16.2.
"""

from typing import TYPE_CHECKING

import msgspec

from tiphys.cluster.api import path_of
from tiphys.errors import AlreadyExists, NotFound, SpecError
from tiphys.model.base import Json
from tiphys.server.answers import NotYet, checked_name
from tiphys.server.call import Call
from tiphys.server.rights import require

if TYPE_CHECKING:
    from tiphys.archive.limits import SqlLimits

_TYPES = {"": 0, "0": 0, "CONFIGMAP": 0, "1": 1, "DATABASE": 1}
_VERBS = {"POST": "create", "GET": "get", "PUT": "update", "DELETE": "delete"}
_LONGEST_KEY = 200


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """One limit.

    Attributes:
        kind: 0 of a ConfigMap, 1 of the database.
        config_map: The ConfigMap's name.
        size: The limit; 0 where it is not said.
    """

    kind: int
    namespace: str
    config_map: str
    key: str
    size: int = 0

    def shown(self) -> Json:
        """As clients get it: zeros are left out."""
        said = {"type": self.kind, "namespace": self.namespace, "cmName": self.config_map, "key": self.key, "limit": self.size}
        return {name: value for name, value in said.items() if value}


def _asked(call: Call) -> Limit:
    body = call.body if isinstance(call.body, dict) else {}
    say = body.get if body else call.query
    kind = _TYPES.get(str(say("type") or "").upper())
    key = call.part("key") or str(body.get("key") or "")
    size = body.get("limit") or 0
    if kind is None:
        raise SpecError(f"{say('type')!r} is neither CONFIGMAP nor DATABASE", path="type")
    if not key or len(key) > _LONGEST_KEY:
        raise SpecError("a key is needed", path="key")
    if not isinstance(size, int) or isinstance(size, bool):
        raise SpecError(f"{size!r} is no number", path="limit")
    config_map = str(say("cmName") or "") if kind == 0 else ""
    if kind == 0:
        checked_name(config_map, "ConfigMap")
    return Limit(kind=kind, namespace=call.namespace, config_map=config_map, key=key, size=size)


def _with_size(limit: Limit) -> Limit:
    if limit.size <= 0:
        raise SpecError("limit must be greater than zero", path="limit")
    return limit


async def _table(call: Call) -> "SqlLimits":
    """The limits of the database, for who may do with workflows of the namespace what he would do with the limit.

    Raises:
        NotYet: There is no such database, or the administrator does not want it to be used so.
    """
    limits = await call.kept.limits()
    if limits is None:
        raise NotYet("limits of the database are not served: set synchronization.enableAPI in the configuration")
    return limits


async def _start(call: Call) -> Limit:
    verb = _VERBS[call.request.method]
    body = call.body if isinstance(call.body, dict) else {}
    is_table = _TYPES.get(str(body.get("type") or call.query("type") or "").upper()) == 1
    # a key that is set or forgotten is a change of its ConfigMap
    kind = "Workflow" if is_table else "ConfigMap"
    await require(call.api, verb if is_table or verb in ("get", "create") else "update", kind, call.namespace)
    return _asked(call)


async def _entries(call: Call, limit: Limit) -> dict[str, str]:
    found = msgspec.json.decode(await call.api.read("ConfigMap", limit.namespace, limit.config_map))
    return dict(found.get("data") or {})


async def _write(call: Call, limit: Limit, value: str | None) -> None:
    await call.api.patch("ConfigMap", limit.namespace, limit.config_map, {"data": {limit.key: value}})


async def create(call: Call) -> Json:
    """Set a limit that is not there; its ConfigMap is made where there is none.

    Raises:
        AlreadyExists: The limit is there.
    """
    limit = _with_size(await _start(call))
    if limit.kind:
        await (await _table(call)).create(limit.namespace, limit.key, limit.size)
        return limit.shown()
    try:
        is_set = limit.key in await _entries(call, limit)
    except NotFound:
        body = {
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": limit.config_map}, "data": {limit.key: str(limit.size)},
        }  # fmt: skip
        await call.api.call("POST", "ConfigMap", path_of("ConfigMap", limit.namespace), body=body)
        return limit.shown()
    if is_set:
        raise AlreadyExists(f"the limit {limit.key!r} is set in ConfigMap {limit.config_map!r}")
    await _write(call, limit, str(limit.size))
    return limit.shown()


async def read(call: Call) -> Json:
    """A limit."""
    limit = await _start(call)
    if limit.kind:
        size = await (await _table(call)).read(limit.namespace, limit.key)
    else:
        size = await _size(call, limit)
    return msgspec.structs.replace(limit, size=size).shown()


async def _size(call: Call, limit: Limit) -> int:
    text = (await _entries(call, limit)).get(limit.key)
    if text is None:
        raise NotFound(f"ConfigMap {limit.config_map!r} has no limit {limit.key!r}")
    if not text.strip().isdecimal():
        raise SpecError(f"{text!r} is no limit", path=f"data.{limit.key}")
    return int(text)


async def replace(call: Call) -> Json:
    """Change a limit that is there."""
    limit = _with_size(await _start(call))
    if limit.kind:
        await (await _table(call)).replace(limit.namespace, limit.key, limit.size)
    elif limit.key not in await _entries(call, limit):
        raise NotFound(f"ConfigMap {limit.config_map!r} has no limit {limit.key!r}")
    else:
        await _write(call, limit, str(limit.size))
    return limit.shown()


async def delete(call: Call) -> Json:
    """Forget a limit."""
    limit = await _start(call)
    if limit.kind:
        await (await _table(call)).delete(limit.namespace, limit.key)
    elif limit.key in await _entries(call, limit):
        await _write(call, limit, None)
    return {}


_ONE = "/api/v1/sync/{namespace}/{key}"
ROUTES = (
    ("POST", "/api/v1/sync/{namespace}", create),
    ("GET", _ONE, read),
    ("PUT", _ONE, replace),
    ("DELETE", _ONE, delete),
)

"""Limits of semaphores: keys of a ConfigMap, or rows of the database that controllers share.

Source: rest-and-clients 1.1, rank 4; argo-semantics 16.2.
"""

import msgspec

from tiphys.cluster.limits import LONGEST_KEY, ConfigMapLimits, Limits, check_size
from tiphys.errors import SpecError
from tiphys.model.base import Json
from tiphys.server.answers import NotYet, checked_name
from tiphys.server.call import Call
from tiphys.server.rights import require

_TYPES = {"": 0, "0": 0, "CONFIGMAP": 0, "1": 1, "DATABASE": 1}
_VERBS = {"POST": "create", "GET": "get", "PUT": "update", "DELETE": "delete"}


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
    if not key or len(key) > LONGEST_KEY:
        raise SpecError("a key is needed", path="key")
    if not isinstance(size, int) or isinstance(size, bool):
        raise SpecError(f"{size!r} is no number", path="limit")
    config_map = str(say("cmName") or "") if kind == 0 else ""
    if kind == 0:
        checked_name(config_map, "ConfigMap")
    return Limit(kind=kind, namespace=call.namespace, config_map=config_map, key=key, size=size)


def _with_size(limit: Limit) -> Limit:
    check_size(limit.size, "limit")
    return limit


async def _limits(call: Call, limit: Limit) -> Limits:
    """Where the limit is: the ConfigMap by the caller's rights, the database for who may do with workflows what he would do here.

    Raises:
        NotYet: There is no such database, or the administrator does not want it to be used so.
    """
    if not limit.kind:
        return ConfigMapLimits(call.api, limit.config_map)
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


async def create(call: Call) -> Json:
    """Set a limit that is not there."""
    limit = _with_size(await _start(call))
    await (await _limits(call, limit)).create(limit.namespace, limit.key, limit.size)
    return limit.shown()


async def read(call: Call) -> Json:
    """A limit."""
    limit = await _start(call)
    size = await (await _limits(call, limit)).read(limit.namespace, limit.key)
    return msgspec.structs.replace(limit, size=size).shown()


async def replace(call: Call) -> Json:
    """Change a limit that is there."""
    limit = _with_size(await _start(call))
    await (await _limits(call, limit)).replace(limit.namespace, limit.key, limit.size)
    return limit.shown()


async def delete(call: Call) -> Json:
    """Forget a limit."""
    limit = await _start(call)
    await (await _limits(call, limit)).delete(limit.namespace, limit.key)
    return {}


_ONE = "/api/v1/sync/{namespace}/{key}"
ROUTES = (
    ("POST", "/api/v1/sync/{namespace}", create),
    ("GET", _ONE, read),
    ("PUT", _ONE, replace),
    ("DELETE", _ONE, delete),
)

"""Service accounts in whose name others act: which one a rule gives to whom, and a token of it.

Differs from Argo: tokens are asked for as they are needed, and last an hour; no Secret holds one.

Source: features, "SSO RBAC"; Kubernetes, TokenRequest.
"""

import logging
import time
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from tiphys.cluster.api import Api, path_of
from tiphys.cluster.connection import Access
from tiphys.errors import ExpressionError, Forbidden, NotFound
from tiphys.expr.language import compile_expression
from tiphys.model.base import Json
from tiphys.model.names import PREFIX

log = logging.getLogger(__name__)
RULE = PREFIX + "rbac-rule"
PRECEDENCE = PREFIX + "rbac-rule-precedence"
_TOKEN_SECONDS = 3600
_RENEWED_BEFORE = 600
_LISTED_SECONDS = 10.0
"""How long a change of the rules may need until it counts."""


class Ruled(NamedTuple):
    """A service account with a rule."""

    precedence: int
    namespace: str
    name: str
    rule: str


class Accounts:
    """The service accounts of the cluster, with the server's own rights.

    Args:
        access: The server's own way to the cluster.
        home: The namespace whose service accounts let people in.
        delegates: Whether service accounts of the namespace that is asked about may give more.
        clock: Gives seconds.
    """

    def __init__(
        self, access: Access, home: str, *, delegates: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._access, self._home, self._delegates, self._clock = access, home, delegates, clock
        self._tokens: dict[tuple[str, str], tuple[float, str]] = {}
        self._listed: dict[str, tuple[float, tuple[Ruled, ...]]] = {}

    async def chosen(self, claims: Json, namespace: str) -> Ruled:
        """The account for who has claims: the first whose rule takes them, by precedence; that of `namespace` when it has more.

        Raises:
            Forbidden: No rule of the home namespace takes them.
        """
        found = await self._first(claims, self._home)
        if found is None:
            raise Forbidden("not allowed: no service account has a rule that takes you")
        if self._delegates and namespace and namespace != self._home:
            other = await self._first(claims, namespace)
            if other is not None and other.precedence > found.precedence:
                return other
        return found

    async def token(self, namespace: str, name: str) -> str:
        """A token of an account, as good as new."""
        until, token = self._tokens.get((namespace, name), (0.0, ""))
        if until <= self._clock():
            body = {
                "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": _TOKEN_SECONDS},
            }  # fmt: skip
            path = path_of("ServiceAccount", namespace, name) + "/token"
            async with Api(self._access) as api:
                said = msgspec.json.decode(await api.call("POST", "ServiceAccount", path, body=body))
            token = str(said["status"]["token"])
            self._tokens[namespace, name] = (self._clock() + _TOKEN_SECONDS - _RENEWED_BEFORE, token)
        return token

    async def _first(self, claims: Json, namespace: str) -> Ruled | None:
        for account in await self._ruled(namespace):
            try:
                if compile_expression(account.rule).evaluate_bool(claims):
                    return account
            except ExpressionError as e:
                # one rule that is broken lets nobody in, and keeps nobody out
                log.warning("rule of service account %s/%s: %s", account.namespace, account.name, e.message)
        return None

    async def _ruled(self, namespace: str) -> tuple[Ruled, ...]:
        until, known = self._listed.get(namespace, (0.0, ()))
        if until > self._clock():
            return known
        async with Api(self._access) as api:
            try:
                answer = msgspec.json.decode(await api.call("GET", "ServiceAccount", path_of("ServiceAccount", namespace)))
            except (NotFound, Forbidden) as e:
                log.warning("service accounts of namespace %s: %s", namespace, e.message)
                answer = {}
        found = (_ruled(item, namespace) for item in answer.get("items") or ())
        known = tuple(sorted((one for one in found if one), key=lambda one: (-one.precedence, one.name)))
        self._listed[namespace] = (self._clock() + _LISTED_SECONDS, known)
        return known


def _ruled(item: Json, namespace: str) -> Ruled | None:
    meta = item.get("metadata") or {}
    notes = meta.get("annotations") or {}
    if RULE not in notes:
        return None
    try:
        return Ruled(int(notes.get(PRECEDENCE, "0")), namespace, str(meta["name"]), str(notes[RULE]))
    except ValueError:
        log.warning("service account %s/%s: %s is no number", namespace, meta.get("name"), PRECEDENCE)
        return None

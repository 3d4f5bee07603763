"""Who asks the small API server, and what he may: users by token, their rights, and the reviews in which they ask about both.

Source: Kubernetes, authentication.k8s.io/v1 and authorization.k8s.io/v1.
"""

import secrets
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from tiphys.local.objects import Refusal
from tiphys.model.base import Json
from tiphys.testing.apiserver.faults import Call

_REVIEWS = ("apis/authentication.k8s.io/v1/selfsubjectreviews", "apis/authorization.k8s.io/v1/selfsubjectaccessreviews")
_VERBS = {"put": "update", "log": "get"}
Right = Callable[[str, str, str], bool]
"""Whether a verb on a resource (plural name, `pods/log` for a part) in a namespace (empty: all) is allowed."""


class User(NamedTuple):
    """Who bears a token, and what he may."""

    name: str
    right: Right
    groups: tuple[str, ...] = ("system:authenticated",)


class Users:
    """The users of a server by token, service accounts' among them once a token is asked for.

    Attributes:
        rights: Rights of service accounts by `system:serviceaccount:<namespace>:<name>`.
    """

    def __init__(self) -> None:
        self._by_token: dict[str, User] = {}
        self.rights: dict[str, Right] = {}

    def __bool__(self) -> bool:
        return bool(self._by_token)

    def add(self, token: str, user: User) -> None:
        """Know a user by a token."""
        self._by_token[token] = user

    def of(self, authorization: str) -> User:
        """The user.

        Raises:
            Refusal: 401, nobody is known by that token.
        """
        scheme, _, token = authorization.partition(" ")
        if scheme != "Bearer" or token not in self._by_token:
            raise Refusal(401, "Unauthorized", "Unauthorized")
        return self._by_token[token]

    def issue(self, namespace: str, account: str) -> str:
        """A new token of a service account."""
        name = f"system:serviceaccount:{namespace}:{account}"
        token = secrets.token_hex(8)
        self.add(token, User(name, self.rights.get(name, lambda *_: False)))
        return token


def check(user: User, call: Call) -> None:
    """Go on only when a user may make a call.

    Raises:
        Refusal: 403, he may not.
    """
    resource = f"{call.kind}/log" if call.verb == "log" else call.kind
    verb = _VERBS.get(call.verb, call.verb)
    if not user.right(verb, resource, call.namespace):
        where = f'in the namespace "{call.namespace}"' if call.namespace else "at the cluster scope"
        said = f'{resource} is forbidden: User "{user.name}" cannot {verb} resource "{resource}" {where}'
        raise Refusal(403, "Forbidden", said)


def review(path: str, user: User, body: bytes) -> Json | None:
    """The answer to a review; None when the path is none's."""
    if path not in _REVIEWS:
        return None
    asked = msgspec.json.decode(body)
    if path == _REVIEWS[0]:
        return {**asked, "status": {"userInfo": {"username": user.name, "groups": list(user.groups)}}}
    said = asked["spec"]["resourceAttributes"]
    resource = "/".join(filter(None, (said["resource"], said.get("subresource", ""))))
    is_allowed = user.right(said["verb"], resource, said.get("namespace", ""))
    return {**asked, "status": {"allowed": is_allowed}}

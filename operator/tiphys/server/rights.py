"""Who a connection belongs to, and what he may: asked of the cluster, with his own token.

Source: Kubernetes, authentication.k8s.io/v1 SelfSubjectReview and authorization.k8s.io/v1 SelfSubjectAccessReview.
"""

import msgspec

from tiphys.cluster.api import KINDS, Api
from tiphys.errors import Forbidden
from tiphys.model.base import Json

_WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
_MAY = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


async def who(api: Api) -> Json:
    """The user behind a connection: `username`, `uid`, `groups`, `extra`.

    Raises:
        Unauthorized: The cluster does not know him.
    """
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    said = msgspec.json.decode(await api.call("POST", "SelfSubjectReview", _WHO, body=body))
    found: Json = (said.get("status") or {}).get("userInfo") or {}
    return found


async def may(api: Api, verb: str, kind: str, namespace: str = "", name: str = "", part: str = "") -> bool:
    """Whether the caller may do something with objects of a kind, or a part of them; an empty namespace means all.

    Raises:
        Unauthorized: The cluster does not know him.
    """
    path, plural = KINDS[kind]
    group = path.split("/")[1] if path.startswith("apis/") else ""
    asked = {"verb": verb, "group": group, "resource": plural, "namespace": namespace, "name": name, "subresource": part}
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {key: value for key, value in asked.items() if value}},
    }
    said = msgspec.json.decode(await api.call("POST", "SelfSubjectAccessReview", _MAY, body=body))
    return bool((said.get("status") or {}).get("allowed"))


async def require(api: Api, verb: str, kind: str, namespace: str = "", name: str = "", part: str = "") -> None:
    """Go on only when the caller may.

    Raises:
        Forbidden: He may not.
        Unauthorized: The cluster does not know him.
    """
    if not await may(api, verb, kind, namespace, name, part):
        where = f' in the namespace "{namespace}"' if namespace else " at the cluster scope"
        raise Forbidden(f"Permission denied, you are not allowed to {verb} {KINDS[kind][1]}{part and '/' + part}{where}")

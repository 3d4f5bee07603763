"""What a workflow needs and a cluster lacks: objects, and rights of who submits it and of its pods' accounts.

Source: Kubernetes, authorization.k8s.io/v1 SelfSubjectAccessReview and SubjectAccessReview.
"""

import msgspec

from tiphys.cluster.api import Api
from tiphys.engine.needs import Needs, Right
from tiphys.errors import NotFound, SpecError, TiphysError
from tiphys.model.base import Json
from tiphys.server.rights import may

_KINDS = {"secrets": "Secret", "config_maps": "ConfigMap", "claims": "PersistentVolumeClaim", "accounts": "ServiceAccount"}
"""What is needed -> its kind."""
_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"


class Presence(msgspec.Struct, frozen=True):
    """Sentences.

    Attributes:
        missing: What the workflow will fail for.
        unknown: What could not be found out, and why.
    """

    missing: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


async def presence(api: Api, namespace: str, needs: Needs) -> Presence:
    """What is not in the cluster, and who may not do what he must."""
    missing: list[str] = []
    unknown: list[str] = []
    for field, kind in _KINDS.items():
        for name in getattr(needs, field):
            try:
                await api.read(kind, namespace, name)
            except NotFound:
                missing.append(f"{kind} {name} is not in namespace {namespace}")
            except TiphysError as e:
                unknown.append(f"whether {kind} {name} is there: {e.message}")
    if not await may(api, "create", "Workflow", namespace):
        missing.append(f"you may not create workflows in namespace {namespace}")
    for right in needs.rights:
        try:
            missing += await _lacking(api, namespace, right)
        except TiphysError as e:
            unknown.append(f"whether ServiceAccount {right.account} may {' and '.join(right.verbs)} {right.kind}: {e.message}")
    return Presence(tuple(missing), tuple(unknown))


async def _lacking(api: Api, namespace: str, right: Right) -> list[str]:
    """What of a right a pod's account lacks."""
    if not (right.kind and right.api_version):
        raise SpecError("its kind is known only at run time")
    try:
        path, is_namespaced = await api.learn(right.api_version, right.kind)
    except NotFound:
        return [f"the cluster knows no kind {right.kind} in {right.api_version}"]
    what = {"group": right.api_version.rpartition("/")[0], "resource": path.rpartition("/")[2]}
    space = {"namespace": namespace} if is_namespaced else {}
    refused = [verb for verb in right.verbs if not await _may(api, namespace, right.account, {"verb": verb, **what, **space})]
    if not refused:
        return []
    return [f"ServiceAccount {right.account} may not {' and '.join(refused)} {what['resource']} in namespace {namespace}"]


async def _may(api: Api, namespace: str, account: str, attributes: Json) -> bool:
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"]
    spec = {"user": f"system:serviceaccount:{namespace}:{account}", "groups": groups, "resourceAttributes": attributes}
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
    said = msgspec.json.decode(await api.call("POST", "SubjectAccessReview", _REVIEWS, body=body))
    return bool((said.get("status") or {}).get("allowed"))

"""What a request's path names, how objects are shown, and what discovery says.

Source: Kubernetes' API concepts.
"""

from typing import NamedTuple

from tiphys.local.objects import Place, Refusal
from tiphys.model.base import Json

_ARGO = "apis/argoproj.io/v1alpha1"
RESOURCES: dict[tuple[str, str], tuple[str, bool]] = {
    ("api/v1", "pods"): ("Pod", True),
    ("api/v1", "configmaps"): ("ConfigMap", True),
    ("api/v1", "secrets"): ("Secret", True),
    ("api/v1", "events"): ("Event", True),
    ("api/v1", "serviceaccounts"): ("ServiceAccount", True),
    ("api/v1", "persistentvolumeclaims"): ("PersistentVolumeClaim", True),
    ("api/v1", "namespaces"): ("Namespace", False),
    ("apis/coordination.k8s.io/v1", "leases"): ("Lease", True),
    ("apis/policy/v1", "poddisruptionbudgets"): ("PodDisruptionBudget", True),
    ("apis/batch/v1", "jobs"): ("Job", True),
    (_ARGO, "workflows"): ("Workflow", True),
    (_ARGO, "workflowtemplates"): ("WorkflowTemplate", True),
    (_ARGO, "clusterworkflowtemplates"): ("ClusterWorkflowTemplate", False),
    (_ARGO, "cronworkflows"): ("CronWorkflow", True),
    (_ARGO, "workflowtasksets"): ("WorkflowTaskSet", True),
    (_ARGO, "workflowtaskresults"): ("WorkflowTaskResult", True),
    (_ARGO, "workfloweventbindings"): ("WorkflowEventBinding", True),
    (_ARGO, "workflowartifactgctasks"): ("WorkflowArtifactGCTask", True),
}
"""API group and plural name -> kind, and whether it lives in namespaces."""


class Target(NamedTuple):
    """What a path names: one object or, without a name, all of a kind; `sub` is `log` or `status`."""

    place: Place
    kind: str
    sub: str = ""

    @property
    def api_version(self) -> str:
        """As objects say it."""
        return self.place.group.removeprefix("apis/").removeprefix("api/")


def shown(one: Json, target: Target, accept: str) -> Json:
    """The object as the client wants it: whole, or its metadata only."""
    if "as=PartialObjectMetadata" in accept:
        return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": one["metadata"]}
    return {"apiVersion": target.api_version, "kind": target.kind, **one}


def target_of(path: str) -> Target:
    """What a path names.

    Raises:
        Refusal: 404, nothing.
    """
    parts = path.split("/")
    size = 2 if parts[0] == "api" else 3
    group, rest = "/".join(parts[:size]), parts[size:]
    namespace = ""
    if len(rest) > 2 and rest[0] == "namespaces":
        namespace, rest = rest[1], rest[2:]
    if not rest or (group, rest[0]) not in RESOURCES:
        raise Refusal(404, "NotFound", "404 page not found")
    kind, _ = RESOURCES[group, rest[0]]
    name, sub = (*rest[1:3], "", "")[:2]
    return Target(Place(group, rest[0], namespace, name), kind, sub)


def discovery(path: str) -> Json | None:
    """What discovery says at a path; None where it says nothing."""
    groups = sorted({group for group, _ in RESOURCES if group.startswith("apis/")})
    match path:
        case "version":
            return {"major": "1", "minor": "34", "gitVersion": "v1.34.0"}
        case "api":
            return {"kind": "APIVersions", "versions": ["v1"]}
        case "apis":
            return {"kind": "APIGroupList", "groups": [_group(group) for group in groups]}
    found = [(plural, *what) for (group, plural), what in RESOURCES.items() if group == path]
    verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
    listed = [
        {"name": name, "singularName": kind.lower(), "kind": kind, "namespaced": is_namespaced, "verbs": verbs}
        for name, kind, is_namespaced in found
    ]
    version = path.removeprefix("apis/").removeprefix("api/")
    return {"kind": "APIResourceList", "groupVersion": version, "resources": listed} if found else None


def _group(path: str) -> Json:
    _, name, version = path.split("/")
    known = {"groupVersion": f"{name}/{version}", "version": version}
    return {"name": name, "versions": [known], "preferredVersion": known}

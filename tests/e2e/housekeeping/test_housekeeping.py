"""What is left of finished workflows on a real cluster."""

import json
import time
from collections.abc import Callable
from typing import Any

from tests.e2e.conftest import Cluster

STEP = {"name": "t", "container": {"image": "alpine", "command": ["true"]}}


def submit(cluster: Cluster, name: str, **spec: Any) -> str:
    manifest = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": name},
                "spec": {"entrypoint": "t", "templates": [STEP], **spec}}  # fmt: skip
    cluster.kubectl("create", "-f", "-", stdin=json.dumps(manifest))
    return name


def names(cluster: Cluster, kind: str) -> set[str]:
    return {item["metadata"]["name"] for item in json.loads(cluster.kubectl("get", kind, "-o", "json"))["items"]}


def until(reached: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end, "not reached"
        time.sleep(0.3)


def test_workflows_pods_budgets_and_claims_go_when_they_should(cluster: Cluster) -> None:
    claim = {"metadata": {"name": "work"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}}
    submit(cluster, "expires", ttlStrategy={"secondsAfterCompletion": 4})
    submit(cluster, "stays", ttlStrategy={"secondsAfterFailure": 1}, podGC={"strategy": "OnPodCompletion", "deleteDelayDuration": "1s"})
    submit(cluster, "keeps-pods", podGC={"strategy": "OnWorkflowCompletion", "labelSelector": {"matchLabels": {"not": "there"}}})
    submit(cluster, "guarded", entrypoint="wait", templates=[{"name": "wait", "suspend": {}}], podDisruptionBudget={"minAvailable": 9999})
    submit(cluster, "claims", volumeClaimTemplates=[claim])
    until(lambda: names(cluster, "poddisruptionbudgets") == {"guarded"})
    budget = json.loads(cluster.kubectl("get", "poddisruptionbudget", "guarded", "-o", "json"))
    assert budget["spec"]["selector"]["matchLabels"] == {"workflows.argoproj.io/workflow": "guarded"}
    cluster.tiphys("stop", "guarded")
    for name in ("stays", "keeps-pods", "claims"):
        assert cluster.finished(name)["status"]["phase"] == "Succeeded"
    until(lambda: not names(cluster, "poddisruptionbudgets"))
    until(lambda: not names(cluster, "persistentvolumeclaims"))
    assert "persistentVolumeClaims" not in cluster.workflow("claims")["status"]
    until(lambda: "expires" not in names(cluster, "workflows"))
    until(lambda: names(cluster, "pods") == {"keeps-pods", "claims"})
    assert names(cluster, "workflows") == {"stays", "keeps-pods", "guarded", "claims"}

"""A namespace for all pods of this folder, with what they mount; what takes long begins first."""

import json
import pathlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from tests.e2e.conftest import INSTANCE, INSTANCE_LABEL, Cluster, ControllerProcess, namespace

WAYS: dict[str, Any] = yaml.safe_load((pathlib.Path(__file__).parent / "failures.yaml").read_text())
SLOWEST = "too-much-disk"
"""The kubelet looks at volumes once a minute."""


def manifest(name: str, template: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": name, "labels": {INSTANCE_LABEL: INSTANCE}},
            "spec": {"entrypoint": name, "podSpecPatch": "terminationGracePeriodSeconds: 2",
                     "templates": [{"name": name, **template}], **spec}}  # fmt: skip


def node(workflow: dict[str, Any]) -> dict[str, Any]:
    return workflow.get("status", {}).get("nodes", {}).get(workflow["metadata"]["name"], {})


def until(what: Callable[[], Any], seconds: float = 60) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := what():
            return found
        time.sleep(0.2)
    raise AssertionError(f"not within {seconds} s")


def pod(place: Cluster, name: str) -> dict[str, Any]:
    return json.loads(place.kubectl("get", "pod", name, "-o", "json", check=False) or "{}")


@pytest.fixture(scope="session")
def place(kubeconfig: str, keeper: ControllerProcess) -> Iterator[Cluster]:
    with namespace(kubeconfig) as one:
        one.kubectl("create", "configmap", "settings", "--from-literal=colour=blue")
        one.kubectl("create", "secret", "generic", "password", "--from-literal=word=xyzzy")
        one.apply(yaml.safe_dump(manifest(SLOWEST, WAYS[SLOWEST])))
        lose_a_node(one)
        yield one


def lose_a_node(place: Cluster) -> None:
    """A pod runs on a node that then is no more; the API server takes a minute to find that out."""
    name = f"lost-{place.namespace}"
    labels = {"e2e/lost": place.namespace, "type": "lost"}
    spec = {"taints": [{"key": "e2e/lost", "effect": "NoSchedule"}]}
    place.apply(yaml.safe_dump({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}, "spec": spec}))
    room = {"cpu": "1", "memory": "1Gi", "pods": "10"}
    ready = {"status": {"capacity": room, "allocatable": room, "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}]}}
    place.kubectl("patch", "node", name, "--subresource=status", "--type=merge", "-p", json.dumps(ready))
    template = {"container": {"image": "busybox", "command": ["sleep", "100"]}, "nodeSelector": {"e2e/lost": place.namespace},
                "tolerations": [{"operator": "Exists"}]}  # fmt: skip
    place.apply(yaml.safe_dump(manifest("on-lost-node", template)))
    try:
        until(lambda: pod(place, "on-lost-node").get("spec", {}).get("nodeName") == name)
        main = {"name": "main", "image": "busybox", "imageID": "", "ready": True, "restartCount": 0,
                "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}  # fmt: skip
        running = {"status": {"phase": "Running", "containerStatuses": [main]}}
        place.kubectl("patch", "pod", "on-lost-node", "--subresource=status", "--type=merge", "-p", json.dumps(running))
        place.wait_until("on-lost-node", lambda found: node(found).get("phase") == "Running", 20)
    finally:
        place.kubectl("delete", "node", name)

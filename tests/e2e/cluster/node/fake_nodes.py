"""Nodes without a kubelet, for load: kwok plays them on the running cluster. They are tainted, so only pods that ask get there."""

import json

from processes import BIN, HERE, KUBECONFIG, kubectl, pid_of, start, stop, wait_for

COUNT = 10
TAINT = {"key": "kwok.x-k8s.io/node", "value": "fake", "effect": "NoSchedule"}
READY = "jsonpath={.items[*].status.conditions[?(@.type=='Ready')].status}"


def start_fake_nodes() -> None:
    """Make the nodes, start kwok and wait until all are ready."""
    nodes = [fake_node(f"kwok-{number}") for number in range(COUNT)]
    kubectl("apply", "-f", "-", stdin=json.dumps({"kind": "List", "apiVersion": "v1", "items": nodes}))
    start("kwok", BIN / "kwok", f"--kubeconfig={KUBECONFIG}", "--manage-nodes-with-label-selector=type=kwok",
          f"--config={HERE}/kwok.yaml", "--node-lease-duration-seconds=40", "--node-ip=10.0.0.1", "--v=WARN")  # fmt: skip
    wait_for("kwok's nodes", lambda: pid_of("kwok") is not None and all_ready())


def all_ready() -> bool:
    """Whether every fake node is ready."""
    return kubectl("get", "nodes", "-l", "type=kwok", "-o", READY).stdout.split().count("True") >= COUNT


def fake_node(name: str) -> dict[str, object]:
    """A node for kwok to play."""
    labels = {"type": "kwok", "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    return {"kind": "Node", "apiVersion": "v1", "metadata": {"name": name, "labels": labels}, "spec": {"taints": [TAINT]}}


def stop_fake_nodes() -> None:
    """Delete the pods on fake nodes and the nodes, then stop kwok."""
    bound = kubectl(
        "get", "pods", "-A", "-o", "jsonpath={range .items[*]}{.spec.nodeName} {.metadata.namespace} {.metadata.name}{'\\n'}{end}"
    )
    for line in bound.stdout.splitlines():
        if line.startswith("kwok-"):
            _, namespace, name = line.split()
            kubectl("delete", "pod", "-n", namespace, name, "--grace-period=0", "--force", "--wait=false", check=False)
    kubectl("delete", "nodes", "-l", "type=kwok")
    stop("kwok")

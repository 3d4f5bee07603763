"""What the cluster holds from the start: names, roles of the tests' users, the namespace of the examples."""

import json

from processes import ADDRESS, BIN, DNS, HOME, kubectl, start, wait_for

COREFILE = """.:53 {{
  bind {address}
  errors
  kubernetes cluster.local in-addr.arpa {{
    kubeconfig {home}/kubeconfig
  }}
  cache 5
}}
"""
PORTS = [{"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53, "protocol": "TCP"}]
RBAC = "rbac.authorization.k8s.io"


def make_objects() -> None:
    """Start CoreDNS on the node's address, behind the service address that pods ask, and make the rest."""
    (HOME / "Corefile").write_text(COREFILE.format(address=ADDRESS, home=HOME))
    start("coredns", BIN / "coredns", "-conf", HOME / "Corefile")
    service = {"kind": "Service", "apiVersion": "v1", "metadata": {"name": "kube-dns", "namespace": "kube-system"},
               "spec": {"clusterIP": DNS, "ports": PORTS}}  # fmt: skip
    slice_labels = {"kubernetes.io/service-name": "kube-dns"}
    endpoints = {"kind": "EndpointSlice", "apiVersion": "discovery.k8s.io/v1", "addressType": "IPv4", "ports": PORTS,
                 "metadata": {"name": "kube-dns-1", "namespace": "kube-system", "labels": slice_labels},
                 "endpoints": [{"addresses": [ADDRESS], "conditions": {"ready": True}}]}  # fmt: skip
    namespace = {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "argo"}}
    bindings = [
        binding("kube-proxy-node", "system:node-proxier", "system:kube-proxy"),
        binding("tiphys-controller-test", "cluster-admin", "tiphys-controller"),
        binding("tiphys-user-test", "cluster-admin", "tiphys-user"),
    ]
    kubectl(
        "apply",
        "-f",
        "-",
        stdin=json.dumps({"kind": "List", "apiVersion": "v1", "items": [service, endpoints, namespace, *bindings]}),
    )
    for name in ("argo", "default"):
        wait_for("service account", lambda name=name: kubectl("get", "sa", "-n", name, "default", check=False).returncode == 0)


def binding(name: str, role: str, user: str) -> dict[str, object]:
    """A cluster role for a user."""
    return {"kind": "ClusterRoleBinding", "apiVersion": f"{RBAC}/v1", "metadata": {"name": name},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": RBAC, "kind": "User", "name": user}]}  # fmt: skip

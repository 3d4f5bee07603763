"""What runs on a node: the kubelet and kube-proxy."""

import json

from certificates import kubeconfig
from processes import ADDRESS, BIN, DNS, HOME, PKI, PODS, kubectl, start, wait_for
from runtime import SOCKET

READY = "jsonpath={.status.conditions[?(@.type=='Ready')].status}"


def start_agents() -> None:
    """Start both and wait for the node; kube-proxy second, since it looks for its node."""
    start_kubelet()
    wait_for("the node", lambda: "True" in kubectl("get", "node", "tiphys", "-o", READY, check=False).stdout)
    start_proxy()


def start_kubelet() -> None:
    """Start the kubelet: without limits to its speed, on either kind of cgroups, with swap or without."""
    own = kubeconfig("kubelet")
    (HOME / "resolv.conf").write_text(f"nameserver {ADDRESS}\n")
    configuration = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": ADDRESS,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{PKI}/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": f"{PKI}/server.crt",
        "tlsPrivateKeyFile": f"{PKI}/server.key",
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "failSwapOn": False,
        "enforceNodeAllocatable": [],
        "clusterDNS": [DNS],
        "clusterDomain": "cluster.local",
        "resolvConf": f"{HOME}/resolv.conf",
        "containerRuntimeEndpoint": f"unix://{SOCKET}",
        "podLogsDir": f"{HOME}/pod-logs",
        "volumePluginDir": f"{HOME}/volume-plugins",
        "serializeImagePulls": False,
        "registryPullQPS": 0,
        "eventRecordQPS": 0,
        "maxPods": 250,
        "kubeAPIQPS": 200,
        "kubeAPIBurst": 400,
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
    }
    (HOME / "kubelet.yaml").write_text(json.dumps(configuration))
    start("kubelet", BIN / "kubelet", f"--config={HOME}/kubelet.yaml", f"--kubeconfig={own}", "--hostname-override=tiphys",
          f"--root-dir={HOME}/kubelet", f"--node-ip={ADDRESS}")  # fmt: skip


def start_proxy() -> None:
    """Start kube-proxy, which leaves the machine's connection tracking as it is."""
    own = kubeconfig("kube-proxy")
    configuration = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(own)},
        "hostnameOverride": "tiphys",
        "mode": "iptables",
        "clusterCIDR": PODS,
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }
    path, text = HOME / "kube-proxy.yaml", json.dumps(configuration)
    if not path.exists() or path.read_text() != text:
        # kube-proxy ends when its configuration is written again, even with the same text
        path.write_text(text)
    start("kube-proxy", BIN / "kube-proxy", f"--config={HOME}/kube-proxy.yaml")

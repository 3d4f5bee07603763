"""etcd, the API server, the controller manager and the scheduler."""

import json

from certificates import kubeconfig
from processes import ADDRESS, BIN, HOME, PKI, SERVICES, kubectl, say, start, wait_for

AUDITED = [
    {"level": "Metadata", "users": ["tiphys-controller"]},
    {"level": "Metadata", "userGroups": ["system:serviceaccounts:tiphys"]},
    {"level": "None"},
]
SPEED = ("--kube-api-qps=1000", "--kube-api-burst=2000", "--leader-elect=false")


def start_control_plane() -> None:
    """Start all four."""
    start("etcd", BIN / "etcd", "--data-dir", HOME / "etcd", "--listen-client-urls=http://127.0.0.1:2379",
          "--advertise-client-urls=http://127.0.0.1:2379", "--listen-peer-urls=http://127.0.0.1:2380", "--unsafe-no-fsync",
          "--quota-backend-bytes=8000000000")  # fmt: skip
    start_api_server()
    start_client("kube-scheduler")
    start_client("kube-controller-manager", f"--service-account-private-key-file={PKI}/sa.key", f"--root-ca-file={PKI}/ca.crt",
                 "--use-service-account-credentials=true", "--concurrent-gc-syncs=20")  # fmt: skip
    kubeconfig("controller")
    kubeconfig("user")
    say("API server is ready")


def start_api_server() -> None:
    """Start the API server, which logs each request of the controller."""
    policy = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"], "rules": AUDITED}
    (HOME / "audit.yaml").write_text(json.dumps(policy))
    start("kube-apiserver", BIN / "kube-apiserver", "--etcd-servers=http://127.0.0.1:2379", "--secure-port=6443",
          f"--bind-address={ADDRESS}", f"--advertise-address={ADDRESS}", f"--service-cluster-ip-range={SERVICES}",
          "--authorization-mode=Node,RBAC", "--allow-privileged=true", f"--client-ca-file={PKI}/ca.crt",
          f"--tls-cert-file={PKI}/server.crt", f"--tls-private-key-file={PKI}/server.key",
          f"--service-account-key-file={PKI}/sa.key", f"--service-account-signing-key-file={PKI}/sa.key",
          "--service-account-issuer=https://kubernetes.default.svc", f"--kubelet-client-certificate={PKI}/admin.crt",
          f"--kubelet-client-key={PKI}/admin.key", f"--kubelet-certificate-authority={PKI}/ca.crt",
          "--kubelet-preferred-address-types=InternalIP", f"--audit-policy-file={HOME}/audit.yaml",
          f"--audit-log-path={HOME}/audit.log", "--audit-log-maxsize=500", "--audit-log-maxbackup=1",
          "--shutdown-delay-duration=0s", "--max-requests-inflight=1000", "--max-mutating-requests-inflight=500")  # fmt: skip
    kubeconfig("admin", "kubeconfig")
    wait_for("the API server", lambda: kubectl("get", "--raw", "/readyz", check=False).returncode == 0)


def start_client(name: str, *more: str) -> None:
    """Start a program that only talks to the API server, fast enough never to be what a load test measures."""
    own = kubeconfig(name)
    credentials = [f"--{use}={own}" for use in ("kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig")]
    start(name, BIN / name, *credentials, *SPEED, *more)

"""Certificates of the cluster's servers and users, and kubeconfig files that hold them."""

import base64
import json
import os
import pathlib

from processes import ADDRESS, HOME, PKI, run

USERS = {
    # file: (name, group)
    "admin": ("admin", "system:masters"),
    "kube-controller-manager": ("system:kube-controller-manager", ""),
    "kube-scheduler": ("system:kube-scheduler", ""),
    "kube-proxy": ("system:kube-proxy", ""),
    "kubelet": ("system:node:tiphys", "system:nodes"),
    "controller": ("tiphys-controller", ""),
    "user": ("tiphys-user", ""),
}
SERVERS = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "tiphys", "localhost"]
ADDRESSES = [ADDRESS, "127.0.0.1", "10.96.0.1"]


def make_certificates() -> None:
    """Make a certificate authority, the servers' certificate, one for each user, and the key of service account tokens."""
    if (PKI / "done").exists():
        return
    PKI.mkdir(parents=True, exist_ok=True)
    PKI.chmod(0o700)
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj", "/CN=tiphys-tests",
        "-keyout", PKI / "ca.key", "-out", PKI / "ca.crt")  # fmt: skip
    run("openssl", "genrsa", "-out", PKI / "sa.key", "2048")
    names = ",".join([f"IP:{one}" for one in ADDRESSES] + [f"DNS:{one}" for one in SERVERS])
    (PKI / "names").write_text(f"subjectAltName={names}\nextendedKeyUsage=serverAuth,clientAuth\n")
    sign("server", "/CN=kubernetes")
    for user, (name, group) in USERS.items():
        sign(user, f"/CN={name}" + (f"/O={group}" if group else ""))
    (PKI / "done").touch()


def sign(name: str, subject: str) -> None:
    """Make one key and its certificate."""
    run("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", subject, "-keyout", PKI / f"{name}.key",
        "-out", PKI / f"{name}.csr")  # fmt: skip
    run("openssl", "x509", "-req", "-days", "3650", "-in", PKI / f"{name}.csr", "-CA", PKI / "ca.crt", "-CAkey", PKI / "ca.key",
        "-CAcreateserial", "-extfile", PKI / "names", "-out", PKI / f"{name}.crt")  # fmt: skip


def kubeconfig(user: str, file_name: str | None = None) -> pathlib.Path:
    """Write a kubeconfig that holds a user's certificate; say where."""

    def data(name: str) -> str:
        return base64.b64encode((PKI / name).read_bytes()).decode()

    path = HOME / (file_name or f"{user}.kubeconfig")
    server = {"server": f"https://{ADDRESS}:6443", "certificate-authority-data": data("ca.crt")}
    certificate = {"client-certificate-data": data(f"{user}.crt"), "client-key-data": data(f"{user}.key")}
    path.touch(mode=0o600)
    path.write_text(json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "tiphys",
        "clusters": [{"name": "tiphys", "cluster": server}],
        "users": [{"name": user, "user": certificate}],
        "contexts": [{"name": "tiphys", "context": {"cluster": "tiphys", "user": user, "namespace": "default"}}],
    }, indent=1))  # fmt: skip
    if "SUDO_UID" in os.environ:  # for whom the cluster is
        os.chown(path, int(os.environ["SUDO_UID"]), int(os.environ["SUDO_GID"]))
    return path

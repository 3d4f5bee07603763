"""One Kubernetes node on this very machine, from programs built by tools/build: `node.py up`, `node.py down`.

Everything lives in $TIPHYS_CLUSTER_DIR (default /var/tmp/tiphys-cluster): certificates, data, logs, pid files, kubeconfig.
"""

import base64
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).parent
HOME = pathlib.Path(os.environ.get("TIPHYS_CLUSTER_DIR", "/var/tmp/tiphys-cluster"))  # noqa: S108
BIN = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "tiphys/bin"
BRIDGE, ADDRESS, PODS, SERVICES = "cni0", "10.88.0.1", "10.88.0.0/16", "10.96.0.0/16"
DNS, SERVER = "10.96.0.10", f"https://{ADDRESS}:6443"
CONTAINERD = HOME / "containerd"
SOCKET = CONTAINERD / "containerd.sock"
REGISTRY, PRIVATE = f"{ADDRESS}:5000", f"{ADDRESS}:5001"
ORDER = ["private-registry", "registry", "coredns", "kube-proxy", "kubelet", "kube-scheduler", "kube-controller-manager",
         "kube-apiserver", "etcd", "containerd"]  # fmt: skip


def run(*command: object, check: bool = True, **more: object) -> subprocess.CompletedProcess[str]:
    """Run a command quietly."""
    return subprocess.run([str(part) for part in command], check=check, capture_output=True, text=True, **more)  # type: ignore[call-overload]


def say(text: str) -> None:
    """One line of progress."""
    print(f"cluster: {text}", file=sys.stderr, flush=True)


def pid_of(name: str) -> int | None:
    """The process of a part, if it runs."""
    try:
        pid = int((HOME / f"{name}.pid").read_text())
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, ValueError):
        return None
    return None if state == "Z" else pid


def start(name: str, *command: object, env: dict[str, str] | None = None) -> None:
    """Start a part, unless it runs."""
    if pid_of(name):
        return
    with (HOME / f"{name}.log").open("ab") as log:
        process = subprocess.Popen([str(part) for part in command], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                   start_new_session=True, env={**os.environ, **(env or {})})  # fmt: skip
    (HOME / f"{name}.pid").write_text(str(process.pid))


def stop(name: str) -> None:
    """End a part and wait for it."""
    pid = pid_of(name)
    if pid is None:
        return
    os.kill(pid, signal.SIGTERM)
    for _ in range(900):
        if pid_of(name) is None:
            break
        time.sleep(0.1)
    else:
        os.kill(pid, signal.SIGKILL)
    (HOME / f"{name}.pid").unlink(missing_ok=True)


def wait_for(what: str, ready: object, seconds: float = 90) -> None:
    """Return when `ready()` is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if ready():  # type: ignore[operator]
            return
        time.sleep(0.1)
    raise SystemExit(f"cluster: {what} did not become ready in {seconds} s; see the logs in {HOME}")


# --- certificates and kubeconfigs

USERS = {
    "admin": ("admin", "system:masters"),
    "kube-controller-manager": ("system:kube-controller-manager", ""),
    "kube-scheduler": ("system:kube-scheduler", ""),
    "kube-proxy": ("system:kube-proxy", ""),
    "kubelet": ("system:node:tiphys", "system:nodes"),
    "controller": ("tiphys-controller", ""),
    "user": ("tiphys-user", ""),
}


def certificates() -> None:
    """A certificate authority, the servers' certificate, one for each user."""
    pki = HOME / "pki"
    if (pki / "done").exists():
        return
    pki.mkdir(parents=True, exist_ok=True)
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj", "/CN=tiphys-tests",
        "-keyout", pki / "ca.key", "-out", pki / "ca.crt")  # fmt: skip
    run("openssl", "genrsa", "-out", pki / "sa.key", "2048")
    names = f"IP:{ADDRESS},IP:127.0.0.1,IP:10.96.0.1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:tiphys"
    sign("server", "/CN=kubernetes", names)
    for user, (name, group) in USERS.items():
        sign(user, f"/CN={name}" + (f"/O={group}" if group else ""), names)
    (pki / "done").touch()


def sign(name: str, subject: str, names: str) -> None:
    """One certificate."""
    pki = HOME / "pki"
    run(
        "openssl",
        "req",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        subject,
        "-keyout",
        pki / f"{name}.key",
        "-out",
        pki / f"{name}.csr",
    )
    (pki / "names").write_text(f"subjectAltName={names}\nextendedKeyUsage=serverAuth,clientAuth\n")
    run("openssl", "x509", "-req", "-days", "3650", "-in", pki / f"{name}.csr", "-CA", pki / "ca.crt", "-CAkey", pki / "ca.key",
        "-CAcreateserial", "-extfile", pki / "names", "-out", pki / f"{name}.crt")  # fmt: skip


def kubeconfig(user: str, path: pathlib.Path) -> pathlib.Path:
    """A kubeconfig that holds its certificates."""

    def data(name: str) -> str:
        return base64.b64encode((HOME / "pki" / name).read_bytes()).decode()

    path.write_text(json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "tiphys",
        "clusters": [{"name": "tiphys", "cluster": {"server": SERVER, "certificate-authority-data": data("ca.crt")}}],
        "users": [{"name": user, "user": {"client-certificate-data": data(f"{user}.crt"), "client-key-data": data(f"{user}.key")}}],
        "contexts": [{"name": "tiphys", "context": {"cluster": "tiphys", "user": user, "namespace": "default"}}],
    }, indent=1))  # fmt: skip
    path.chmod(0o600)
    return path


# --- parts


def bridge() -> None:
    """The bridge that pods hang on, with the node's address."""
    if run("ip", "link", "show", BRIDGE, check=False).returncode:
        run("ip", "link", "add", BRIDGE, "type", "bridge")
    run("ip", "address", "replace", f"{ADDRESS}/16", "dev", BRIDGE)
    run("ip", "link", "set", BRIDGE, "up")
    pathlib.Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def containerd() -> None:
    """Run containerd with a configuration, socket and root of its own."""
    (CONTAINERD / "certs").mkdir(parents=True, exist_ok=True)
    net = HOME / "cni"
    net.mkdir(exist_ok=True)
    (net / "10-bridge.conflist").write_text(json.dumps({"cniVersion": "0.4.0", "name": "bridge", "plugins": [
        {"type": "bridge", "bridge": BRIDGE, "isGateway": True, "ipMasq": True, "hairpinMode": True,
         "ipam": {"type": "host-local", "dataDir": str(HOME / "ipam"), "ranges": [[{"subnet": PODS, "rangeStart": "10.88.1.0"}]],
                  "routes": [{"dst": "0.0.0.0/0"}]}},
        {"type": "portmap", "capabilities": {"portMappings": True}}]}))  # fmt: skip
    for host in ("docker.io", "quay.io", "ghcr.io"):
        folder = CONTAINERD / "certs" / host
        folder.mkdir(exist_ok=True)
        mirror = f'server = "http://{REGISTRY}"\n[host."http://{REGISTRY}"]\n  capabilities = ["pull", "resolve"]\n'
        (folder / "hosts.toml").write_text(mirror)
    for address in (REGISTRY, PRIVATE):
        folder = CONTAINERD / "certs" / address
        folder.mkdir(exist_ok=True)
        (folder / "hosts.toml").write_text(
            f'server = "http://{address}"\n[host."http://{address}"]\n  capabilities = ["pull", "resolve"]\n'
        )
    plugin = 'plugins."io.containerd.grpc.v1.cri"'
    (CONTAINERD / "config.toml").write_text(f"""version = 2
root = "{CONTAINERD}/root"
state = "{CONTAINERD}/state"
[grpc]
  address = "{SOCKET}"
[{plugin}]
  sandbox_image = "tiphys.test/pause:1"
  restrict_oom_score_adj = true
  [{plugin}.cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{net}"
  [{plugin}.registry]
    config_path = "{CONTAINERD}/certs"
""")
    start("containerd", "containerd", "--config", CONTAINERD / "config.toml")
    wait_for("containerd", lambda: run("ctr", "-a", SOCKET, "version", check=False).returncode == 0)
    if "tiphys.test/pause:1" not in run("ctr", "-a", SOCKET, "-n", "k8s.io", "images", "ls", "-q").stdout:
        run(sys.executable, HERE / "images/pause.py", HOME / "pause.tar")
        run("ctr", "-a", SOCKET, "-n", "k8s.io", "images", "import", HOME / "pause.tar")


def registries() -> None:
    """A registry that stands in for Docker Hub and quay.io, and one that asks for a password."""
    images = pathlib.Path(run(HERE / "images/build").stdout.strip())
    for name, address in (("registry", REGISTRY), ("private-registry", PRIVATE)):
        auth = ""
        if name == "private-registry":
            passwords = run("htpasswd", "-Bbn", "tester", "secret-of-the-tests").stdout
            (HOME / "htpasswd").write_text(passwords)
            auth = f"auth:\n  htpasswd: {{realm: tests, path: {HOME}/htpasswd}}\n"
        data = HOME / name
        (HOME / f"{name}.yaml").write_text(
            f"version: 0.1\nlog: {{level: warn}}\nstorage: {{filesystem: {{rootdirectory: {data}}}, delete: {{enabled: true}}}}\n"
            f"http: {{addr: '{address}'}}\n{auth}"
        )
        start(name, "docker-registry", "serve", HOME / f"{name}.yaml")
        wait_for(name, lambda address=address: answers(f"http://{address}/v2/"))
    (HOME / "private-registry.env").write_text(f"server={PRIVATE}\nusername=tester\npassword=secret-of-the-tests\n")
    stamp = HOME / "registry-filled"
    if stamp.exists() and stamp.read_text() == str(images):
        return
    for archive in sorted(images.glob("*.tar")):
        tags = images / f"{archive.stem}.tags"
        for tag in tags.read_text().split() if tags.exists() else ():
            target = [f"docker://{REGISTRY}/{tag}"]
            if tag.startswith("private/"):
                target = [f"docker://{PRIVATE}/{tag}", "--dest-creds=tester:secret-of-the-tests"]
            run("skopeo", "copy", "--quiet", "--dest-tls-verify=false", f"docker-archive:{archive}:{tag}", *target)
    stamp.write_text(str(images))


def answers(url: str) -> bool:
    """Whether an HTTP server answers at all."""
    try:
        urllib.request.urlopen(url, timeout=2)  # noqa: S310
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def control_plane() -> None:
    """etcd, the API server, the controller manager, the scheduler."""
    pki = HOME / "pki"
    start("etcd", BIN / "etcd", "--data-dir", HOME / "etcd", "--listen-client-urls=http://127.0.0.1:2379",
          "--advertise-client-urls=http://127.0.0.1:2379", "--listen-peer-urls=http://127.0.0.1:2380", "--unsafe-no-fsync",
          "--quota-backend-bytes=8000000000")  # fmt: skip
    (HOME / "audit.yaml").write_text(
        "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules:\n"
        "- {level: Metadata, users: [tiphys-controller, 'system:serviceaccount:tiphys:tiphys-controller']}\n- {level: None}\n"
    )
    start("kube-apiserver", BIN / "kube-apiserver", "--etcd-servers=http://127.0.0.1:2379", "--secure-port=6443", f"--bind-address={ADDRESS}",
          f"--advertise-address={ADDRESS}", f"--service-cluster-ip-range={SERVICES}", "--authorization-mode=Node,RBAC",
          f"--client-ca-file={pki}/ca.crt", f"--tls-cert-file={pki}/server.crt", f"--tls-private-key-file={pki}/server.key",
          f"--service-account-key-file={pki}/sa.key", f"--service-account-signing-key-file={pki}/sa.key",
          "--service-account-issuer=https://kubernetes.default.svc", f"--kubelet-client-certificate={pki}/admin.crt",
          f"--kubelet-client-key={pki}/admin.key", f"--kubelet-certificate-authority={pki}/ca.crt",
          "--kubelet-preferred-address-types=InternalIP", "--allow-privileged=true", f"--audit-policy-file={HOME}/audit.yaml",
          f"--audit-log-path={HOME}/audit.log", "--audit-log-maxsize=500", "--audit-log-maxbackup=1",
          "--shutdown-delay-duration=0s", "--max-requests-inflight=1000", "--max-mutating-requests-inflight=500")  # fmt: skip
    admin = kubeconfig("admin", HOME / "kubeconfig")
    wait_for("the API server", lambda: kubectl("get", "--raw", "/readyz", check=False).returncode == 0)
    speed = ["--kube-api-qps=1000", "--kube-api-burst=2000", "--leader-elect=false"]
    for name in ("kube-controller-manager", "kube-scheduler"):
        own = kubeconfig(name, HOME / f"{name}.kubeconfig")
        more = [f"--service-account-private-key-file={pki}/sa.key", f"--root-ca-file={pki}/ca.crt", "--use-service-account-credentials=true",
                "--concurrent-gc-syncs=20"] if name.endswith("manager") else []  # fmt: skip
        start(
            name,
            BIN / name,
            f"--kubeconfig={own}",
            f"--authentication-kubeconfig={own}",
            f"--authorization-kubeconfig={own}",
            *speed,
            *more,
        )
    kubeconfig("controller", HOME / "controller.kubeconfig")
    kubeconfig("user", HOME / "user.kubeconfig")
    say(f"API server is ready ({admin})")


def kubectl(*arguments: object, check: bool = True, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run kubectl as the administrator."""
    return run("kubectl", "--kubeconfig", HOME / "kubeconfig", *arguments, check=check, input=stdin)


def node() -> None:
    """The kubelet and kube-proxy."""
    pki = HOME / "pki"
    own = kubeconfig("kubelet", HOME / "kubelet.kubeconfig")
    (HOME / "resolv.conf").write_text(f"nameserver {ADDRESS}\n")
    (HOME / "kubelet.yaml").write_text(f"""apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: {ADDRESS}
authentication: {{anonymous: {{enabled: false}}, webhook: {{enabled: true}}, x509: {{clientCAFile: {pki}/ca.crt}}}}
authorization: {{mode: Webhook}}
tlsCertFile: {pki}/server.crt
tlsPrivateKeyFile: {pki}/server.key
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
enforceNodeAllocatable: []
clusterDNS: [{DNS}]
clusterDomain: cluster.local
resolvConf: {HOME}/resolv.conf
containerRuntimeEndpoint: unix://{SOCKET}
serializeImagePulls: false
registryPullQPS: 0
eventRecordQPS: 0
maxPods: 250
kubeAPIQPS: 200
kubeAPIBurst: 400
imageGCHighThresholdPercent: 100
evictionHard: {{memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%}}
""")
    start("kubelet", BIN / "kubelet", f"--config={HOME}/kubelet.yaml", f"--kubeconfig={own}", "--hostname-override=tiphys",
          f"--root-dir={HOME}/kubelet", f"--node-ip={ADDRESS}")  # fmt: skip
    proxy = kubeconfig("kube-proxy", HOME / "kube-proxy.kubeconfig")
    (HOME / "kube-proxy.yaml").write_text(f"""apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {{kubeconfig: {proxy}}}
hostnameOverride: tiphys
mode: iptables
clusterCIDR: {PODS}
conntrack: {{maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}}
""")
    start("kube-proxy", BIN / "kube-proxy", f"--config={HOME}/kube-proxy.yaml")
    wait_for("the node", lambda: "True" in kubectl(
        "get", "nodes", "-o", "jsonpath={.items[*].status.conditions[?(@.type=='Ready')].status}", check=False).stdout)  # fmt: skip


def objects() -> None:
    """DNS, and the roles of the tests' users."""
    corefile = f".:53 {{\n bind {ADDRESS}\n errors\n kubernetes cluster.local in-addr.arpa {{\n  kubeconfig {HOME}/kubeconfig\n }}\n cache 5\n}}\n"
    (HOME / "Corefile").write_text(corefile)
    start("coredns", BIN / "coredns", "-conf", HOME / "Corefile")
    manifests: list[dict[str, object]] = [
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "kube-dns", "namespace": "kube-system"},
         "spec": {"clusterIP": DNS, "ports": [{"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53, "protocol": "TCP"}]}},
        {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
         "metadata": {"name": "kube-dns-1", "namespace": "kube-system", "labels": {"kubernetes.io/service-name": "kube-dns"}},
         "ports": [{"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53, "protocol": "TCP"}],
         "endpoints": [{"addresses": [ADDRESS], "conditions": {"ready": True}}]},
        binding("kube-proxy-node", "system:node-proxier", "system:kube-proxy"),
        binding("tiphys-controller-test", "cluster-admin", "tiphys-controller"),
        binding("tiphys-user-test", "cluster-admin", "tiphys-user"),
    ]  # fmt: skip
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests})
    kubectl("apply", "-f", "-", stdin=text)
    for namespace in ("argo",):
        kubectl("create", "namespace", namespace, check=False)
    wait_for("the default service account", lambda: kubectl("get", "sa", "-n", "argo", "default", check=False).returncode == 0)


def binding(name: str, role: str, user: str) -> dict[str, object]:
    """A cluster role for a user."""
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}]}  # fmt: skip


def warm() -> None:
    """Pull one image, so that the shared layer is on the node before the first test."""
    for image in ("docker.io/library/busybox:latest", "docker.io/docker/whalesay:latest", "docker.io/library/python:3.8"):
        run("ctr", "-a", SOCKET, "-n", "k8s.io", "images", "pull", "--hosts-dir", CONTAINERD / "certs", image, check=False)


def up() -> None:
    """Start what does not run yet."""
    HOME.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    certificates()
    bridge()
    containerd()
    registries()
    say("containerd and registries are ready")
    control_plane()
    node()
    objects()
    warm()
    say(f"ready after {time.monotonic() - started:.0f} s")
    print(f"export KUBECONFIG={HOME}/kubeconfig")


def down() -> None:
    """End everything, last started first, and clean up."""
    if pid_of("kube-apiserver"):
        kubectl("delete", "pods", "--all", "-A", "--grace-period=0", "--force", "--wait=false", check=False)
    for name in ORDER[:5]:
        stop(name)
    if pid_of("containerd"):
        remove_containers()
    for name in ORDER[5:]:
        stop(name)
    for line in reversed(pathlib.Path("/proc/mounts").read_text().splitlines()):
        point = line.split()[1]
        if point.startswith((f"{HOME}/", "/run/netns/cni-", "/var/run/netns/cni-")):
            run("umount", "-l", point, check=False)
    for space in pathlib.Path("/run/netns").glob("cni-*"):
        run("ip", "netns", "delete", space.name, check=False)
    run("ip", "link", "delete", BRIDGE, check=False)
    run(BIN / "kube-proxy", "--cleanup", check=False)
    for name in ("etcd", "kubelet", "containerd", "ipam", "cni"):
        shutil.rmtree(HOME / name, ignore_errors=True)
    say("down")


def remove_containers() -> None:
    """End every container: their shims would outlive containerd."""
    ctr = ("ctr", "-a", SOCKET, "-n", "k8s.io")
    for task in run(*ctr, "tasks", "ls", "-q", check=False).stdout.split():
        run(*ctr, "tasks", "kill", "-s", "SIGKILL", task, check=False)
    for task in run(*ctr, "tasks", "ls", "-q", check=False).stdout.split():
        run(*ctr, "tasks", "delete", "-f", task, check=False)
    for container in run(*ctr, "containers", "ls", "-q", check=False).stdout.split():
        run(*ctr, "containers", "delete", container, check=False)


if __name__ == "__main__":
    {"up": up, "down": down}[sys.argv[1]]()

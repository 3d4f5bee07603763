"""The test cluster does what the tests of Tiphys take for granted."""

import base64
import json
import os
import pathlib
import subprocess
import time
import uuid
from collections.abc import Iterator

import pytest

HERE = pathlib.Path(__file__).parent
HOME = pathlib.Path(os.environ.get("TIPHYS_CLUSTER_DIR", "/var/tmp/tiphys-cluster"))  # noqa: S108
KUBECONFIG = os.environ.get("TIPHYS_E2E_KUBECONFIG") or str(HOME / "kubeconfig")
BIN = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "tiphys/bin"
PRIVATE_IMAGE = "10.88.0.1:5001/private/whalesay"

one_node_only = pytest.mark.skipif(
    not (HOME / "private-registry.env").exists(), reason="only the one-node cluster has registries of its own"
)


def kubectl(*arguments: str, stdin: str | None = None) -> str:
    environment = {**os.environ, "KUBECONFIG": KUBECONFIG, "PATH": f"{os.environ['PATH']}:{BIN}"}
    done = subprocess.run(
        ["kubectl", *arguments], env=environment, input=stdin, text=True, capture_output=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def namespace() -> Iterator[str]:
    name = f"cluster-{uuid.uuid4().hex[:6]}"
    kubectl("create", "namespace", name)
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


def start(namespace: str, container: dict[str, object], name: str | None = None, **spec: object) -> str:
    name = name or f"pod-{uuid.uuid4().hex[:6]}"
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
           "spec": {"restartPolicy": "Never", "containers": [{"name": "main", **container}], **spec}}  # fmt: skip
    kubectl("create", "-n", namespace, "-f", "-", stdin=json.dumps(pod))
    return name


def until(namespace: str, pod: str, path: str) -> None:
    kubectl("wait", "-n", namespace, f"pod/{pod}", f"--for=jsonpath={path}", "--timeout=60s")


def output(namespace: str, image: str, command: list[str]) -> str:
    pod = start(namespace, {"image": image, "command": command})
    until(namespace, pod, "{.status.phase}=Succeeded")
    return kubectl("logs", "-n", namespace, pod)


def test_the_node_is_ready() -> None:
    assert "True" in kubectl("get", "nodes", "-o", "jsonpath={.items[*].status.conditions[?(@.type=='Ready')].status}")


def test_a_pod_says_hi_after_a_real_pull_and_its_log_can_be_read(namespace: str) -> None:
    pod = start(namespace, {"image": "docker/whalesay", "command": ["cowsay"], "args": ["hi"]})
    until(namespace, pod, "{.status.phase}=Succeeded")
    assert "< hi >" in kubectl("logs", "-n", namespace, pod)
    assert "Successfully pulled" in kubectl("get", "events", "-n", namespace, "--field-selector", f"involvedObject.name={pod}")


@pytest.mark.parametrize(
    ("image", "command", "answer"),
    [
        ("python:3.8", ["python", "-c", "print(6 * 7)"], "42\n"),
        ("python:alpine3.6", ["python3", "-c", "print(6 * 7)"], "42\n"),
        ("alpine:3.7", ["sh", "-c", "echo hello >& /tmp/out; cat /tmp/out"], "hello\n"),
        ("busybox", ["sh", "-c", "echo hello"], "hello\n"),
        ("debian:12", ["bash", "-c", "echo $((40 + 2))"], "42\n"),
        ("perl", ["perl", "-Mbignum=bpi", "-wle", "print bpi(30)"], "3.14159265358979323846264338328\n"),
        ("quay.io/argoproj/argosay:v2", ["/argosay", "echo", "hello"], "hello\n"),
        ("appropriate/curl", ["sh", "-c", "curl --version | head -c 4"], "curl"),
    ],
)
def test_a_stand_in_image_runs_what_the_real_one_would(namespace: str, image: str, command: list[str], answer: str) -> None:
    assert output(namespace, image, command) == answer


def test_an_image_runs_its_own_entry_point(namespace: str) -> None:
    pod = start(namespace, {"image": "hello-world"})
    until(namespace, pod, "{.status.phase}=Succeeded")
    assert "Hello from Docker!" in kubectl("logs", "-n", namespace, pod)


def test_a_pod_finds_the_api_server_by_name(namespace: str) -> None:
    script = "import socket; print(socket.create_connection(('kubernetes.default', 443)).getpeername()[1])"
    assert output(namespace, "python:3.11", ["python", "-c", script]) == "443\n"


def test_nginx_serves_pages_to_other_containers_of_its_pod(namespace: str) -> None:
    ask = "until curl -sf localhost > /tmp/page; do sleep 0.1; done; cat /tmp/page"
    containers = [
        {"name": "web", "image": "nginx:1.13"},
        {"name": "ask", "image": "appropriate/curl", "command": ["sh", "-c", ask]},
    ]
    pod = start(namespace, {"image": "busybox", "command": ["true"]}, containers=containers)
    until(namespace, pod, "{.status.containerStatuses[?(@.name=='ask')].state.terminated.exitCode}=0")
    assert "Welcome to nginx!" in kubectl("logs", "-n", namespace, pod, "-c", "ask")


@one_node_only
def test_the_private_registry_refuses_without_a_pull_secret(namespace: str) -> None:
    pod = start(namespace, {"image": PRIVATE_IMAGE, "command": ["cowsay", "hi"]})
    until(namespace, pod, "{.status.containerStatuses[0].state.waiting.reason}=ErrImagePull")


@one_node_only
def test_the_private_registry_gives_its_image_to_the_holder_of_a_pull_secret(namespace: str) -> None:
    known = dict(line.split("=", 1) for line in (HOME / "private-registry.env").read_text().split())
    login = base64.b64encode(f"{known['username']}:{known['password']}".encode()).decode()
    content = base64.b64encode(json.dumps({"auths": {known["server"]: {"auth": login}}}).encode()).decode()
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "pull"}, "type": "kubernetes.io/dockerconfigjson",
              "data": {".dockerconfigjson": content}}  # fmt: skip
    kubectl("create", "-n", namespace, "-f", "-", stdin=json.dumps(secret))
    pod = start(namespace, {"image": PRIVATE_IMAGE, "command": ["cowsay", "hi"]}, imagePullSecrets=[{"name": "pull"}])
    until(namespace, pod, "{.status.phase}=Succeeded")


@one_node_only
def test_an_image_archive_can_be_given_to_the_cluster(namespace: str, tmp_path: pathlib.Path) -> None:
    archive = tmp_path / "image.tar"
    copy = ["skopeo", "copy", "--quiet", "--insecure-policy", "--src-tls-verify=false", "docker://10.88.0.1:5000/library/busybox"]
    subprocess.run([*copy, f"docker-archive:{archive}:tests/given:1"], check=True)
    subprocess.run([HERE / "load-image", "tests/given:1", archive], check=True)
    assert output(namespace, "tests/given:1", ["echo", "here"]) == "here\n"


@one_node_only
def test_the_audit_log_counts_the_controllers_requests(namespace: str) -> None:
    before = (HOME / "audit.log").stat().st_size
    subprocess.run(["kubectl", "get", "pods", "-n", namespace], env={**os.environ, "KUBECONFIG": str(HOME / "controller.kubeconfig"),
                   "PATH": f"{os.environ['PATH']}:{BIN}"}, check=True, capture_output=True)  # fmt: skip
    end = time.monotonic() + 20
    # it is written after the answer
    while not (told := controllers_requests(before, f"/namespaces/{namespace}/pods")):
        assert time.monotonic() < end, "not in the audit log"
        time.sleep(0.2)
    assert told == ["list"]


def controllers_requests(offset: int, place: str) -> list[str]:
    """The verbs of the controller's user at a place, of what the audit log has from an offset in bytes."""
    with (HOME / "audit.log").open("rb") as log:
        log.seek(offset)
        whole_lines = log.read().decode().split("\n")[:-1]
    told = [json.loads(line) for line in whole_lines if place in line]
    return [one["verb"] for one in told if one["user"]["username"] == "tiphys-controller"]


def test_a_pod_on_a_fake_node_ends_as_its_annotations_say(namespace: str) -> None:
    subprocess.run([HERE / "kwok-up"], check=True)
    pod = {"apiVersion": "v1", "kind": "Pod",
           "metadata": {"name": "fake", "annotations": {"kwok.tiphys.test/exit-code": "3", "kwok.tiphys.test/message": "no"}},
           "spec": {"restartPolicy": "Never", "nodeSelector": {"type": "kwok"}, "containers": [{"name": "main", "image": "none"}],
                    "tolerations": [{"key": "kwok.x-k8s.io/node", "operator": "Exists"}]}}  # fmt: skip
    kubectl("create", "-n", namespace, "-f", "-", stdin=json.dumps(pod))
    until(namespace, "fake", "{.status.phase}=Failed")
    ended = json.loads(
        kubectl("get", "pod", "-n", namespace, "fake", "-o", "jsonpath={.status.containerStatuses[0].state.terminated}")
    )
    assert (ended["exitCode"], ended["message"]) == (3, "no")

"""A real cluster, with Tiphys' controller running beside it as users run it."""

import contextlib
import fcntl
import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

ROOT = pathlib.Path(__file__).parents[2]
HOME = pathlib.Path(os.environ.get("TIPHYS_CLUSTER_DIR", "/var/tmp/tiphys-cluster"))  # noqa: S108
# kubectl is built with the cluster where the machine has none
os.environ["PATH"] += f":{os.environ.get('XDG_CACHE_HOME', pathlib.Path.home() / '.cache')}/tiphys/bin"
IMAGE = "quay.io/tiphys/tiphys:e2e"
# controllers that follow one namespace, or workflows of their own instance: they run beside all others
WITH_THEIR_OWN = (
    "archive/test_archive.py", "artifacts/test_artifacts.py", "artifacts/test_commands.py", "artifacts/test_drivers.py", "chart/test_chart.py",
    "circumstances/test_circumstances.py", "cluster/test_cluster.py", "conformance/test_flags.py", "controller/test_kills.py", "crds/test_crds.py",
    "housekeeping/test_taken_over.py", "language/test_big.py", "language/test_language.py", "local/test_plan.py",
    "observability/test_tracing.py", "pods/test_configured.py", "pods/test_failures.py", "pods/test_fields.py", "pods/test_injected.py",
    "pods/test_lost.py",
)  # fmt: skip
INSTANCE = f"e2e-{uuid.uuid4().hex[:8]}"
INSTANCE_LABEL = "workflows.argoproj.io/controller-instanceid"
TIPHYS = (sys.executable, "-m", "tiphys")


def run(*command: object, check: bool = True, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], check=check, capture_output=True, text=True, input=stdin)


class Cluster:
    """kubectl and tiphys against the test cluster, in one namespace of the test's own."""

    def __init__(self, kubeconfig: str, namespace: str) -> None:
        self.kubeconfig = kubeconfig
        self.namespace = namespace

    def kubectl(self, *arguments: object, check: bool = True, stdin: str | None = None) -> str:
        done = run("kubectl", "--kubeconfig", self.kubeconfig, "-n", self.namespace, *arguments, check=False, stdin=stdin)
        assert not check or done.returncode == 0, done.stderr
        return done.stdout

    def tiphys(self, *arguments: object, code: int | None = 0) -> str:
        done = run(*TIPHYS, *arguments, "--kubeconfig", self.kubeconfig, "-n", self.namespace, check=False)
        assert code is None or done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def workflow(self, name: str) -> dict[str, Any]:
        return json.loads(self.kubectl("get", "workflow", name, "-o", "json"))

    def create(self, path: str) -> str:
        return json.loads(self.kubectl("create", "-f", ROOT / path, "-o", "json"))["metadata"]["name"]

    def apply(self, text: str) -> None:
        self.kubectl("apply", "-f", "-", stdin=text)

    def wait_until(self, name: str, reached: Callable[[dict[str, Any]], bool], seconds: float = 90) -> dict[str, Any]:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = self.workflow(name)
            if reached(found):
                return found
            time.sleep(0.2)
        raise AssertionError(f"not reached in {seconds} s: {json.dumps(found.get('status', {}), indent=1)[:3000]}")

    def finished(self, name: str, seconds: float = 90) -> dict[str, Any]:
        return self.wait_until(
            name, lambda found: found.get("status", {}).get("phase") in ("Succeeded", "Failed", "Error"), seconds
        )

    def logs(self, name: str) -> str:
        return self.tiphys("logs", name)


def nodes(workflow: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Display name -> type and phase."""
    return {node["displayName"]: (node["type"], node["phase"]) for node in workflow["status"]["nodes"].values()}


@pytest.fixture(scope="session")
def kubeconfig() -> str:
    path = os.environ.get("TIPHYS_E2E_KUBECONFIG", str(HOME / "kubeconfig"))
    assert pathlib.Path(path).exists(), "no cluster: run tests/e2e/cluster/up"
    run("kubectl", "--kubeconfig", path, "apply", "-f", ROOT / "crds")
    return path


class SharedByProcesses(LoadScopeScheduling):
    """One process has all files that use the controller of all namespaces; others have the folders of those that do not."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return path.rpartition("/")[0] if path.endswith(WITH_THEIR_OWN) else "controller"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> SharedByProcesses:
    return SharedByProcesses(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # the kubelet looks at volumes once a minute: what it ends then began long ago
    items.sort(key=lambda item: item.path.name == "test_failures.py")
    for item in items:
        is_astray = str(item.path).endswith(WITH_THEIR_OWN) and "controller" in getattr(item, "fixturenames", ())
        assert not is_astray, f"{item.nodeid} uses the controller of all namespaces: its file is not one of WITH_THEIR_OWN"


@pytest.fixture(scope="session")
def image_archive(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Our image as a docker archive, which the cluster has; built once, though processes that share the tests may all ask for it."""
    own = tmp_path_factory.getbasetemp()
    folder = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    archive, given = folder / "tiphys.tar", folder / "given"
    with (folder / "image.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not given.exists():
            run(ROOT / "deploy/image/build", archive, IMAGE)
            run(ROOT / "tests/e2e/cluster/load-image", IMAGE, archive)
            given.touch()
    return archive


@pytest.fixture(scope="session")
def image(kubeconfig: str, image_archive: pathlib.Path) -> str:
    return IMAGE


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class ControllerProcess:
    """`tiphys controller` out of the cluster; it can be killed and started again."""

    def __init__(self, kubeconfig: str, image: str, log: pathlib.Path, *arguments: str) -> None:
        self.log = log
        self.metrics_port = free_port()
        self._command = [*TIPHYS, "controller", "--kubeconfig", kubeconfig, "--executor-image", image, "--metrics-port",
                         str(self.metrics_port), "--health-port", "0", *arguments]  # fmt: skip
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        before = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log)
        end = time.monotonic() + 120
        while time.monotonic() < end:
            if b"runs are restored" in self.log.read_bytes()[before:]:
                return
            time.sleep(0.1)
        raise AssertionError(self.log.read_text())

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def metrics(self) -> str:
        # as Argo's: TLS with a certificate that proves nothing, unless the configuration says otherwise
        unverified = ssl._create_unverified_context()  # noqa: S323
        with urllib.request.urlopen(f"https://127.0.0.1:{self.metrics_port}/metrics", timeout=5, context=unverified) as answer:
            return answer.read().decode()


@contextlib.contextmanager
def controlling(kubeconfig: str, image: str, folder: pathlib.Path, *arguments: str) -> Iterator[ControllerProcess]:
    """A controller that is well to its end; with the rights of the cluster's user for controllers, where it has one."""
    own = HOME / "controller.kubeconfig"
    process = ControllerProcess(str(own) if own.exists() else kubeconfig, image, folder / "log", *arguments)
    yield process
    assert process.stop() == 0
    assert "broke the controller" not in process.log.read_text()


@pytest.fixture(scope="session")
def controller(kubeconfig: str, image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControllerProcess]:
    """It follows all workflows that name no other controller."""
    with controlling(kubeconfig, image, tmp_path_factory.mktemp("controller")) as process:
        yield process


@pytest.fixture(scope="session")
def keeper(kubeconfig: str, image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControllerProcess]:
    """It follows the workflows of its instance in all namespaces: its tests run beside all others."""
    with controlling(kubeconfig, image, tmp_path_factory.mktemp("keeper"), "--instance-id", INSTANCE) as process:
        yield process


@contextlib.contextmanager
def namespace(kubeconfig: str) -> Iterator[Cluster]:
    one = Cluster(kubeconfig, f"e2e-{uuid.uuid4().hex[:8]}")
    run("kubectl", "--kubeconfig", kubeconfig, "create", "namespace", one.namespace)
    yield one
    run("kubectl", "--kubeconfig", kubeconfig, "delete", "namespace", one.namespace, "--wait=false")


@pytest.fixture
def kept(kubeconfig: str, keeper: ControllerProcess) -> Iterator[Cluster]:
    """A namespace for workflows of that instance."""
    with namespace(kubeconfig) as one:
        yield one


@pytest.fixture
def cluster(kubeconfig: str, controller: ControllerProcess) -> Iterator[Cluster]:
    with namespace(kubeconfig) as one:
        yield one

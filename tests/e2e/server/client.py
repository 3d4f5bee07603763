"""A client of the server, as scripts are: HTTP and JSON, nothing else."""

import contextlib
import json
import os
import pathlib
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

from tests.e2e.conftest import ROOT, TIPHYS, free_port, run


class Client:
    """Asks one server, which shows a certificate of its own."""

    def __init__(self, address: str, token: str = "") -> None:
        self.address = address
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._context = ssl._create_unverified_context()  # noqa: S323

    def open(self, verb: str, path: str, body: Any = None, **headers: str) -> Any:
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, content, {**self._headers, **headers}, method=verb)  # noqa: S310
        context = self._context if self.address.startswith("https") else None
        return urllib.request.urlopen(request, timeout=120, context=context)  # noqa: S310

    def ask(self, verb: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and decoded answer."""
        try:
            with self.open(verb, path, body) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as e:
            with e:
                return e.code, json.loads(e.read() or b"null")

    def lines(self, path: str) -> Iterator[dict[str, Any]]:
        """The messages of a stream, as they come."""
        with self.open("GET", path) as answer:
            for line in answer:
                yield json.loads(line)

    def submit(self, namespace: str, workflow: dict[str, Any]) -> str:
        """The name of a workflow that is made."""
        code, made = self.ask("POST", f"/api/v1/workflows/{namespace}", {"workflow": workflow})
        assert code == 200, made
        return str(made["metadata"]["name"])


def argo_program() -> pathlib.Path:
    """Argo's own command line, built from its module."""
    run(ROOT / "tests/e2e/cluster/tools/build", "argo")
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "tiphys/bin/argo"


class Argo:
    """One way to use it, in one namespace."""

    def __init__(self, namespace: str, environment: dict[str, str]) -> None:
        self.program, self.namespace = argo_program(), namespace
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ARGO_") and name != "KUBECONFIG"}
        self.environment = {**kept, **environment}

    def run(self, *arguments: object, code: int = 0, stdin: str | None = None) -> str:
        command = [str(self.program), *map(str, arguments), "-n", self.namespace]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=self.environment, input=stdin, timeout=180)
        assert done.returncode == code, f"{arguments} ends with {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def submit(self, manifest: dict[str, Any], *more: str) -> str:
        """The name of what is submitted from standard input."""
        return self.run("submit", "-", "-o", "name", *more, stdin=json.dumps(manifest)).split()[-1].removeprefix("workflow.argoproj.io/")

    def until(self, name: str, reached: Callable[[dict[str, Any]], bool], seconds: float = 120) -> dict[str, Any]:
        end = time.monotonic() + seconds
        while True:
            found = json.loads(self.run("get", name, "-o", "json"))
            if reached(found.get("status") or {}):
                return found
            assert time.monotonic() < end, json.dumps(found.get("status"))[:2000]
            time.sleep(0.3)


@contextlib.contextmanager
def serving(kubeconfig: str, *flags: str) -> Iterator[str]:
    """`host:port` of a server process on this machine; it ends well when it is told to."""
    port = free_port()
    with tempfile.NamedTemporaryFile() as log:
        process = subprocess.Popen([*TIPHYS, "server", "--kubeconfig", kubeconfig, "--port", str(port), *flags], stdout=log, stderr=log)
        try:
            end = time.monotonic() + 60
            while not _is_healthy(port):
                assert process.poll() is None, pathlib.Path(log.name).read_text()
                assert time.monotonic() < end, pathlib.Path(log.name).read_text()
                time.sleep(0.1)
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()
            assert process.wait(30) == 0, pathlib.Path(log.name).read_text()[-3000:]


def _is_healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


@contextlib.contextmanager
def forwarded(kubeconfig: str, namespace: str, target: str, port: int, local: int | None = None) -> Iterator[str]:
    """`127.0.0.1:PORT`, forwarded to a port in the cluster; any that is free, unless one is named."""
    command = ["kubectl", "--kubeconfig", kubeconfig, "-n", namespace, "port-forward", target, f"{local or ''}:{port}", "--address", "127.0.0.1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert "Forwarding from" in line, line
            yield line.split()[2]
        finally:
            process.terminate()

"""A client of the server, as scripts are: HTTP and JSON, nothing else."""

import contextlib
import json
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any


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


@contextlib.contextmanager
def forwarded(kubeconfig: str, namespace: str, target: str, port: int) -> Iterator[str]:
    """`127.0.0.1:PORT`, forwarded to a port in the cluster."""
    command = ["kubectl", "--kubeconfig", kubeconfig, "-n", namespace, "port-forward", target, f":{port}", "--address", "127.0.0.1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert "Forwarding from" in line, line
            yield line.split()[2]
        finally:
            process.terminate()

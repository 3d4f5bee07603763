"""A shell for commands on a small API server."""

import asyncio
import os
import pathlib
import resource
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tiphys.local.objects import Place
from tiphys.testing.apiserver import APIServer

ARGO = "apis/argoproj.io/v1alpha1"


class Shell:
    def __init__(self, server: APIServer, folder: pathlib.Path) -> None:
        self.server = server
        self.folder = folder
        self.kubeconfig = folder / "kubeconfig"
        self.kubeconfig.write_text(
            f"""
            current-context: c
            contexts: [{{name: c, context: {{cluster: k, user: u, namespace: ns}}}}]
            clusters: [{{name: k, cluster: {{server: "{server.address}"}}}}]
            users: [{{name: u, user: {{token: t}}}}]
            """
        )

    async def run(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, output, errors."""
        environment = {**os.environ, "KUBECONFIG": str(self.kubeconfig)}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tiphys", *arguments, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, errors = await process.communicate()
        return process.returncode or 0, out.decode(), errors.decode()

    async def cpu_seconds(self, *arguments: str, enough: float) -> float:
        """What a command uses, the best of many tries until it is `enough`: the machine may be busy."""
        best = 60.0
        for _ in range(30):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            code, _out, errors = await self.run(*arguments)
            assert code == 0, errors
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
            if best <= enough:
                break
        return best

    def stored(self, name: str) -> dict[str, Any]:
        return self.server.store.read(Place(ARGO, "workflows", "ns", name))

    def create(self, name: str, status: dict[str, Any] | None = None, **spec: Any) -> None:
        """A workflow, as far as a controller has brought it."""
        made = {"entrypoint": "main", "templates": [{"name": "main", "container": {"image": "i", "command": ["a"]}}], **spec}
        manifest = {"metadata": {"name": name}, "spec": made, **({"status": status} if status else {})}
        self.server.store.create(Place(ARGO, "workflows", "ns", name), manifest)


@pytest.fixture
async def shell(tmp_path: pathlib.Path) -> AsyncIterator[Shell]:
    async with APIServer() as server:
        yield Shell(server, tmp_path)

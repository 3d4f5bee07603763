"""`logs`: what a workflow's containers printed."""

import asyncio
import re
import sys
from typing import Annotated

from cyclopts import Parameter

from tiphys.cli.session import Where, find_workflow, with_api
from tiphys.cluster.api import Api
from tiphys.cluster.logs import PodLogs
from tiphys.errors import InvalidManifest, NotFound, TiphysError
from tiphys.model.phases import COMPLETED, POD
from tiphys.model.places import key_of
from tiphys.model.record import MARK
from tiphys.model.stored import archived_log
from tiphys.model.workflow import Workflow, pod_name
from tiphys.server.stores import open_artifact, stored_lines


def logs(
    name: str,
    pod: str = "",
    *,
    follow: Annotated[bool, Parameter(name=["--follow", "-f"])] = False,
    container: Annotated[str, Parameter(name=["--container", "-c"])] = "main",
    grep: str = "",
    where: Where | None = None,
) -> int:
    """Show the logs of a workflow, or of one of its pods."""

    async def work(api: Api, namespace: str) -> int:
        await print_logs(api, namespace, name, pod=pod, follow=follow, container=container, grep=grep)
        return 0

    return with_api(where, work)


async def print_logs(  # noqa: PLR0913 as many as the command has
    api: Api, namespace: str, name: str, *, pod: str = "", follow: bool = False, container: str = "main", grep: str = ""
) -> None:
    """Print lines as `pod: line`; with `follow`, until the workflow is finished."""
    shown: dict[str, asyncio.Task[None]] = {}
    while True:
        workflow = await find_workflow(api, namespace, name)
        for one in _pods(workflow):
            if one not in shown and pod in ("", one):
                work = _print_pod(api, workflow, one, container, follow=follow, grep=grep)
                shown[one] = asyncio.create_task(work)
        if not follow or workflow.status.phase in COMPLETED:
            break
        await asyncio.sleep(0.5)
    await asyncio.gather(*shown.values())


def _pods(workflow: Workflow) -> list[str]:
    nodes = [node for node in workflow.status.nodes.values() if node.type == POD and node.phase != "Pending"]
    return [pod_name(workflow, node) for node in sorted(nodes, key=lambda node: str(node.started_at or ""))]


async def _print_pod(api: Api, workflow: Workflow, pod: str, container: str, *, follow: bool, grep: str) -> None:
    namespace = workflow.metadata.namespace
    try:
        try:
            async for raw in PodLogs(api).follow(namespace, pod, container, follow=follow):
                _print_line(pod, raw, grep)
        except NotFound:
            # the pod is gone: its log may be in the archive
            newest = await find_workflow(api, namespace, workflow.metadata.name)
            log = archived_log(newest, pod, container)
            if log is None:
                raise
            async for raw in stored_lines(await open_artifact(api, namespace, log.artifact), key_of(log.artifact)):
                _print_line(pod, raw, grep)
    except (NotFound, InvalidManifest) as e:
        print(f"{pod}: no logs: {e.message}", file=sys.stderr)
    except TiphysError as e:
        print(f"{pod}: {e.message}", file=sys.stderr)


def _print_line(pod: str, raw: bytes, grep: str) -> None:
    line = raw.decode(errors="replace")
    if not line.startswith(MARK) and (not grep or re.search(grep, line)):
        sys.stdout.write(f"{pod}: {line if line.endswith(chr(10)) else line + chr(10)}")

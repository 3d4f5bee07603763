"""What people do with a workflow whose steps say hello and wait: let one go on, read what it said."""

import asyncio
import json
from typing import Any

from tests.e2e.conftest import Cluster
from tests.servers.browser import Visit

Json = dict[str, Any]


def node(workflow: Json, name: str) -> Json:
    """The node that is shown by a name; empty where there is none."""
    found = [one for one in workflow.get("status", {}).get("nodes", {}).values() if one["displayName"] == name]
    return found[0] if found else {}


def _let_go(cluster: Cluster, workflow: str, name: str) -> None:
    found = cluster.wait_until(workflow, lambda one: node(one, name).get("phase") == "Running")
    pods = json.loads(cluster.kubectl("get", "pods", "-o", "json", "-l", f"workflows.argoproj.io/workflow={workflow}"))["items"]
    wanted = node(found, name)["id"]
    pod = next(one["metadata"]["name"] for one in pods if one["metadata"]["annotations"]["workflows.argoproj.io/node-id"] == wanted)
    cluster.kubectl("exec", pod, "-c", "main", "--", "touch", "/tmp/go")  # noqa: S108


async def read_logs(desk: Visit, name: str, picture: str) -> None:
    """In the panel of the node, by somebody who looks at the workflow."""
    await desk.page.locator(f'[data-id][aria-label^="{name},"]').click()
    panel = desk.page.get_by_role("complementary", name=f"Node {name}")
    await panel.get_by_role("tab", name="Logs").click()
    await panel.get_by_role("log").get_by_text(f"{name} says hello Ada").wait_for()
    assert desk.place.endswith("panel=logs"), "who gets the address sees the same"
    await desk.picture(picture)
    await desk.button("Close the panel").click()


async def read_as_it_runs(desk: Visit, cluster: Cluster, workflow: str, steps: tuple[str, ...], pictures: str) -> None:
    """The logs of each step while it runs, and of all when their pods are gone."""
    for step in steps:
        await desk.page.locator(f'[data-id][aria-label^="{step}, Running"]').wait_for(timeout=90_000)
        await read_logs(desk, step, f"{pictures}-{step}-running")
        await asyncio.to_thread(_let_go, cluster, workflow, step)
        await desk.page.locator(f'[data-id][aria-label^="{step}, Succeeded"]').wait_for(timeout=90_000)
    await desk.page.get_by_role("heading", level=1).locator("..").get_by_text("Succeeded").wait_for()
    selector = f"workflows.argoproj.io/workflow={workflow}"
    await asyncio.to_thread(cluster.kubectl, "wait", "pods", "-l", selector, "--for=delete", "--timeout=60s")
    await desk.open(f"/workflows/{cluster.namespace}/{workflow}")
    for step in steps:
        await read_logs(desk, step, f"{pictures}-{step}-gone")

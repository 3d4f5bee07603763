"""Statuses that are too large: compressed, or offloaded; read back by the next controller, archived whole, old versions collected."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.databases.servers import Server
from tests.integration.archive.conftest import World, eventually

from tiphys.archive.offload import SqlOffload
from tiphys.model.compression import decompress
from tiphys.settings.environment import Environment
from tiphys.testing.apiserver import Ending

SMALL = Environment(max_workflow_size=20_000)
TINY = Environment(max_workflow_size=2_000)
ALWAYS = Environment(always_offload_node_status=True, offload_node_status_ttl=timedelta(seconds=1))


@pytest.fixture
def server(servers: dict[str, Server]) -> Server:
    """PostgreSQL: what is tested here does not depend on the kind of database, which tests/contract/archive sees to."""
    return servers["postgresql"]


def many(world: World, name: str, count: int, *, gate: bool = False) -> None:
    """A workflow with `count` skipped nodes and, with `gate`, a suspension after them that holds it back."""
    skipped = {"name": "skipped", "template": "main", "when": "false", "withSequence": {"count": str(count)}}
    steps: list[list[dict[str, Any]]] = [[skipped], [{"name": "work", "template": "work"}]]
    if gate:
        steps.insert(1, [{"name": "gate", "template": "gate"}])
    templates = [
        {"name": "all", "steps": steps},
        {"name": "gate", "suspend": {}},
        {"name": "main", "container": {"image": "alpine", "command": ["true"]}},
        {"name": "work", "container": {"image": "alpine", "command": ["true"]}},
    ]
    world.submit(name, entrypoint="all", templates=templates)


def status(world: World, name: str) -> dict[str, Any]:
    found: dict[str, Any] = world.workflow(name).get("status", {})
    return found


def resume(world: World, name: str, nodes: dict[str, Any]) -> None:
    """As `argo resume` does on nodes that are in the status."""
    gate = next(node for node in nodes.values() if node["type"] == "Suspend")
    gate.update(phase="Succeeded", finishedAt="2026-01-01T00:00:00Z")
    world.api_server.store.patch(world.place(name), {"status": {"nodes": nodes, "compressedNodes": None, "offloadNodeStatusVersion": None}})


async def test_a_large_status_is_compressed_and_archived_whole(world: World) -> None:
    life = await world.start(SMALL, nodeStatusOffLoad=False)
    many(world, "large", 300)
    await eventually(lambda: world.status("large") == "Archived")
    stored = status(world, "large")
    assert "nodes" not in stored
    nodes = msgspec.json.decode(decompress(stored["compressedNodes"]))
    assert len(nodes) >= 302
    copy = await world.archived("large")
    assert copy is not None
    assert copy["status"]["nodes"] == nodes
    assert "compressedNodes" not in copy["status"]
    assert life.metric("tiphys_packed_status_writes_total", how="compressed") >= 1


async def test_a_status_that_compression_does_not_help_is_offloaded_and_archived_whole(world: World) -> None:
    await world.start(TINY)
    many(world, "large", 300)
    await eventually(lambda: world.status("large") == "Archived")
    stored = status(world, "large")
    assert stored.get("nodes") is None
    assert stored.get("compressedNodes") is None
    offloaded = await SqlOffload(world.database).load(world.workflow("large")["metadata"]["uid"], stored["offloadNodeStatusVersion"])
    copy = await world.archived("large")
    assert copy is not None
    assert copy["status"]["nodes"] == msgspec.json.decode(offloaded)
    assert "offloadNodeStatusVersion" not in copy["status"]


async def test_without_a_database_what_is_too_large_ends_with_the_reference_s_message(world: World) -> None:
    await world.start(TINY, nodeStatusOffLoad=False)
    many(world, "large", 300)
    await eventually(lambda: status(world, "large").get("phase") == "Error")
    message = status(world, "large")["message"]
    assert message.startswith("workflow is longer than maximum allowed size. compressed size ")
    assert message.endswith("> maxSize 2000")


@pytest.mark.parametrize("environment", [SMALL, TINY, ALWAYS], ids=["compressed", "offloaded", "always offloaded"])
async def test_the_next_controller_goes_on_from_packed_nodes(world: World, environment: Environment) -> None:
    world.api_server.kubelet.behave = lambda _pod: Ending(seconds=1.0)
    life = await world.start(environment)
    many(world, "large", 300)
    await eventually(lambda: world.api_server.kubelet.started)
    await eventually(lambda: status(world, "large").get("compressedNodes") or status(world, "large").get("offloadNodeStatusVersion"))
    await life.kill()
    world.lives.remove(life)
    await world.start(environment)
    await eventually(lambda: world.status("large") == "Archived")
    copy = await world.archived("large")
    assert copy is not None
    assert copy["status"]["phase"] == "Succeeded"
    assert len(copy["status"]["nodes"]) >= 302
    assert len(world.api_server.kubelet.started) == 1


async def test_a_user_s_edit_of_unpacked_nodes_is_heard(world: World) -> None:
    await world.start(SMALL)
    many(world, "held", 300, gate=True)
    packed = await eventually(lambda: status(world, "held").get("compressedNodes"))
    await eventually(lambda: any(n["type"] == "Suspend" for n in msgspec.json.decode(decompress(status(world, "held")["compressedNodes"])).values()))
    packed = status(world, "held")["compressedNodes"]
    resume(world, "held", msgspec.json.decode(decompress(packed)))
    await eventually(lambda: world.status("held") == "Archived")
    copy = await world.archived("held")
    assert copy is not None
    assert copy["status"]["phase"] == "Succeeded"


async def test_old_versions_go_and_the_one_in_use_stays(world: World) -> None:
    await world.start(ALWAYS, archive=False)
    world.api_server.kubelet.behave = lambda _pod: Ending(seconds=0.5)
    steps = [[{"name": f"s{number}", "template": "main"}] for number in range(5)]
    container = {"name": "main", "container": {"image": "alpine", "command": ["true"]}}
    world.submit("w", entrypoint="all", templates=[{"name": "all", "steps": steps}, container])
    await eventually(lambda: status(world, "w").get("phase") == "Succeeded")
    used = (world.workflow("w")["metadata"]["uid"], status(world, "w")["offloadNodeStatusVersion"])
    later = world.lives[0].controller.clock.now() + timedelta(days=1)
    offload = SqlOffload(world.database)

    async def only_one() -> bool:
        return await offload.old(later) == [used]

    await eventually(only_one)
    world.api_server.store.delete(world.place("w"))

    async def none() -> bool:
        return await offload.old(later) == []

    await eventually(none)


async def test_offloaded_nodes_without_a_database_end_the_workflow_with_the_reference_s_message(world: World) -> None:
    await world.start(nodeStatusOffLoad=False)
    world.submit("lost")
    world.api_server.store.create(world.place("other"), {
        "kind": "Workflow", "metadata": {"name": "other"}, "spec": world.workflow("lost")["spec"],
        "status": {"phase": "Running", "startedAt": "2026-01-01T00:00:00Z", "offloadNodeStatusVersion": "fnv:1"},
    })  # fmt: skip
    await eventually(lambda: status(world, "other").get("phase") == "Error")
    assert status(world, "other")["message"] == "Workflow has offloaded nodes, but offloading has been disabled"


async def test_nodes_of_a_database_that_is_away_are_waited_for(world: World) -> None:
    life = await world.start(ALWAYS)
    many(world, "held", 10, gate=True)
    await eventually(lambda: status(world, "held").get("offloadNodeStatusVersion"))
    await asyncio.sleep(0.5)
    await life.kill()
    world.lives.remove(life)
    world.server.kill()
    await world.start(ALWAYS)
    world.submit("small")
    await asyncio.sleep(1.0)
    assert status(world, "held")["phase"] == "Running"
    world.server.start()
    await eventually(lambda: world.status("small") == "Archived")
    world.api_server.store.patch(world.place("held"), {"spec": {"shutdown": "Terminate"}})
    await eventually(lambda: world.status("held") == "Archived")
    copy = await world.archived("held")
    assert copy is not None
    assert copy["status"]["phase"] == "Failed"


@pytest.mark.parametrize("environment", [Environment(), TINY], ids=["compressed", "offloaded"])
async def test_a_workflow_of_20000_nodes_lives_finishes_and_is_archived_whole(world: World, environment: Environment) -> None:
    await world.start(environment)
    many(world, "huge", 20_000)
    await eventually(lambda: world.status("huge") == "Archived", seconds=180)
    copy = await world.archived("huge")
    assert copy is not None
    nodes = copy["status"]["nodes"]
    assert len(nodes) >= 20_002
    assert sum(node["phase"] == "Skipped" for node in nodes.values()) == 20_000
    assert sum(node["type"] == "Pod" and node["phase"] == "Succeeded" for node in nodes.values()) == 1
    assert len(msgspec.json.encode(world.workflow("huge"))) < 1_200_000

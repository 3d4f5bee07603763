"""What the life of a pod looks like, and its logs."""

import asyncio

import pytest
from tests.contract.apiserver.conftest import World, eventually

from tiphys.cluster.logs import PodLogs
from tiphys.errors import InvalidManifest, NotFound
from tiphys.pods.read import read_pod
from tiphys.pods.view import PodView, parse_pod


async def view(world: World, name: str) -> PodView:
    return parse_pod(await world.api.read("Pod", world.namespace, name))


async def ended(world: World, name: str) -> None:
    async def reached() -> bool:
        return read_pod(await view(world, name)).is_final

    await eventually(reached)


async def test_pods_end_as_their_commands_do_and_keep_their_logs(world: World) -> None:
    commands = {"good": "printf '%s\\n' one two three", "bad": "exit 3"}
    await asyncio.gather(*(world.create_pod(world.pod(name, command)) for name, command in commands.items()))
    await asyncio.gather(*(ended(world, name) for name in commands))
    good, bad = read_pod(await view(world, "good")), read_pod(await view(world, "bad"))
    assert (good.phase, good.exit_code) == ("Succeeded", 0)
    assert (bad.phase, bad.exit_code, bad.message) == ("Failed", 3, "main: Error (exit code 3)")
    assert good.started_at is not None
    assert good.finished_at is not None
    assert good.started_at <= good.finished_at
    assert good.host_node_name
    logs = PodLogs(world.api)
    assert await logs.tail(world.namespace, "good", "main", limit_bytes=10) == b"one\ntwo\nthree\n"
    assert [line async for line in logs.follow(world.namespace, "good", "main")] == [b"one\n", b"two\n", b"three\n"]


async def test_logs_that_are_not_there_are_told_apart(world: World) -> None:
    logs = PodLogs(world.api)
    with pytest.raises(NotFound):
        await logs.tail(world.namespace, "none", "main", limit_bytes=10)
    await world.create_pod({**world.pod("late", "true"), "spec": {
        **world.pod("late", "true")["spec"], "nodeSelector": {"kubernetes.io/hostname": "no-such-node"}}})  # fmt: skip
    with pytest.raises(InvalidManifest):
        await logs.tail(world.namespace, "late", "other-container", limit_bytes=10)


async def test_a_running_pod_that_is_deleted_is_gone_after_its_grace(world: World) -> None:
    await world.create_pod(world.pod("sleeper", "sleep 1000"))

    async def running() -> bool:
        return (await view(world, "sleeper")).status.phase == "Running"

    await eventually(running)
    await world.api.delete("Pod", world.namespace, "sleeper", grace_seconds=1)
    meta = (await view(world, "sleeper")).metadata
    assert meta.deletion_timestamp is not None

    async def gone() -> bool:
        try:
            await view(world, "sleeper")
        except NotFound:
            return True
        return False

    await eventually(gone)


async def test_what_a_pod_s_status_says_cannot_be_written_with_the_pod(world: World) -> None:
    manifest = {**world.pod("liar", "sleep 1000"), "status": {"phase": "Succeeded"}}
    await world.create_pod(manifest)
    assert (await view(world, "liar")).status.phase != "Succeeded"

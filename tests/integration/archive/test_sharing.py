"""A mutex in a database: workflows of two controllers wait for each other, and go on when the other is done."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.databases.servers import Server
from tests.integration.archive.conftest import NAMESPACE, Life, World, configuration, eventually

from tiphys.cluster.secret_values import secret_reader
from tiphys.controller.sharing import SharedLocks
from tiphys.settings.read import parse_configuration
from tiphys.testing.apiserver import APIServer, Ending


@pytest.fixture
def server(servers: dict[str, Server]) -> Server:
    """PostgreSQL: what is tested here does not depend on the kind of database, which tests/contract/archive sees to."""
    return servers["postgresql"]


@pytest.fixture
async def worlds(server: Server, name: str) -> AsyncIterator[list[World]]:
    """Two clusters that share a database."""
    async with APIServer(lambda _pod: Ending(seconds=3.0)) as first, APIServer(lambda _pod: Ending(seconds=1.0)) as second:
        both = [World(one, server, name) for one in (first, second)]
        yield both
        for world in both:
            for life in world.lives:
                await life.kill()
            await world.database.close()


def phase(world: World, name: str) -> str:
    return str(world.workflow(name).get("status", {}).get("phase", ""))


async def test_two_controllers_hold_a_mutex_of_the_database_in_turns(worlds: list[World], server: Server, name: str) -> None:
    database = {"host": server.host, "port": server.port, "database": name, "userNameSecret": {"name": "db", "key": "username"},
                "passwordSecret": {"name": "db", "key": "password"}}  # fmt: skip
    for number, world in enumerate(worlds):
        text = json.dumps({"postgresql": database, "pollSeconds": 1, "controllerName": f"cluster-{number}"})
        said: Any = parse_configuration({"synchronization": text}).synchronization
        life = Life(world.api_server, configuration(server, name, archive=False, nodeStatusOffLoad=False))
        shared = SharedLocks(said, secret_reader(life.api, NAMESPACE))
        await life.start(shared)
        world.lives.append(life)
    mutex = {"mutexes": [{"name": "build", "database": True}]}
    worlds[0].submit("first", synchronization=mutex)
    await eventually(lambda: phase(worlds[0], "first") == "Running")
    worlds[1].submit("second", synchronization=mutex)
    waiting = "(mtx/team/build). Lock status: 1/1"
    await eventually(lambda: waiting in worlds[1].workflow("second").get("status", {}).get("message", ""))
    assert phase(worlds[1], "second") == "Pending"
    await eventually(lambda: phase(worlds[1], "second") == "Succeeded")
    assert phase(worlds[0], "first") == "Succeeded"
    await eventually(lambda: server.sql("select count(*) from sync_state;", name).strip() == "0")

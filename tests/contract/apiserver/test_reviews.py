"""What the server relies on: who a token belongs to, what he may, and tokens of service accounts."""

import pytest
from tests.contract.apiserver.conftest import World

from tiphys.cluster.api import Api
from tiphys.cluster.connection import Access
from tiphys.errors import Forbidden, Unauthorized
from tiphys.server.accounts import Accounts
from tiphys.server.rights import may, require, who


def bearing(world: World, token: str) -> Api:
    own = world.api.access
    return Api(Access(server=own.server, ca=own.ca, token=lambda: token))


async def test_a_token_of_a_service_account_is_its_and_may_nothing_by_itself(world: World) -> None:
    await world.api.create("ServiceAccount", world.namespace, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot"}})
    token = await Accounts(world.api.access, world.namespace).token(world.namespace, "robot")
    async with bearing(world, token) as robot:
        assert (await who(robot))["username"] == f"system:serviceaccount:{world.namespace}:robot"
        assert not await may(robot, "list", "Workflow", world.namespace)
        with pytest.raises(Forbidden, match="not allowed to list workflows"):
            await require(robot, "list", "Workflow", world.namespace)
    async with bearing(world, "nonsense") as nobody:
        with pytest.raises(Unauthorized):
            await who(nobody)
        with pytest.raises(Unauthorized):
            await may(nobody, "list", "Workflow")


async def test_who_may_all_is_told_so(world: World) -> None:
    assert (await who(world.api)).get("username")
    assert await may(world.api, "delete", "Workflow", world.namespace)
    assert await may(world.api, "list", "ClusterWorkflowTemplate")

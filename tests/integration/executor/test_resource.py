"""What the pod of a resource template does when it is told to end, against the small API server."""

import asyncio
import pathlib
from collections.abc import AsyncIterator

import pytest

from tiphys.executor.resource import act
from tiphys.local.objects import Place, Refusal
from tiphys.model.parse import parse_as
from tiphys.model.template import Template
from tiphys.testing.apiserver import APIServer

MADE = Place("api/v1", "configmaps", "ns", "made")
MANIFEST = "{apiVersion: v1, kind: ConfigMap, metadata: {name: made}}"


@pytest.fixture
async def server(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[APIServer]:
    async with APIServer() as one:
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(
            f"""
            current-context: c
            contexts: [{{name: c, context: {{cluster: k, user: u, namespace: ns}}}}]
            clusters: [{{name: k, cluster: {{server: "{one.address}"}}}}]
            users: [{{name: u, user: {{token: t}}}}]
            """
        )
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
        monkeypatch.setenv("TIPHYS_NAMESPACE", "ns")
        yield one


def is_made(server: APIServer) -> bool:
    try:
        server.store.read(MADE)
    except Refusal:
        return False
    return True


@pytest.mark.parametrize("deletes", [True, False])
async def test_what_was_made_is_deleted_at_the_end_where_that_is_wanted(server: APIServer, deletes: bool) -> None:
    resource = {"action": "create", "manifest": MANIFEST, "successCondition": "data.done == yes"}
    acting = asyncio.create_task(act(parse_as(Template, {"name": "t", "resource": resource}), deletes=deletes))
    made = asyncio.Event()
    server.store.on_change.append(lambda change: made.set() if change.place == MADE else None)
    await asyncio.wait_for(made.wait(), 60)
    # it may not even have heard that it is made
    acting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await acting
    assert is_made(server) is not deletes


async def test_what_is_done_is_done(server: APIServer) -> None:
    resource = {"action": "create", "manifest": MANIFEST}
    await act(parse_as(Template, {"name": "t", "resource": resource}), deletes=True)
    assert is_made(server)

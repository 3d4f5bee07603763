"""Pods that are deleted stay until their last status is recorded, where the administrator wants it."""

import asyncio

import msgspec
import pytest
from tests.integration.controller.conftest import Harbour, Life, place

from tiphys.testing.apiserver.kubelet import Ending

ONE = "entrypoint: a\ntemplates: [{name: a, container: {image: i}}]"


async def keeping(harbour: Harbour, *, keeps: bool = True) -> Life:
    life = await harbour.controller()
    life.controller.pod_settings = msgspec.structs.replace(life.controller.pod_settings, keeps_status=keeps)
    return life


def phases(harbour: Harbour) -> list[str]:
    return [pod["status"]["phase"] for pod in harbour.pods()]


@pytest.mark.parametrize("keeps", [True, False])
async def test_a_pod_deleted_while_the_controller_was_away_is_not_lost(harbour: Harbour, keeps: bool) -> None:
    harbour.server.kubelet.behave = lambda _pod: Ending(seconds=3)
    life = await keeping(harbour, keeps=keeps)
    harbour.submit(ONE)
    await harbour.until(lambda: harbour.nodes().get("w") == "Running")
    await harbour.kill(life)
    await harbour.until(lambda: phases(harbour) == ["Succeeded"])
    harbour.server.store.delete(place("w", "pods"))
    await asyncio.sleep(1)
    assert len(harbour.pods()) == keeps
    await harbour.controller()
    await harbour.finished("w")
    assert harbour.nodes() == {"w": "Succeeded" if keeps else "Error"}
    await harbour.until(lambda: not harbour.pods())


async def test_a_pod_whose_end_is_stored_is_let_go(harbour: Harbour) -> None:
    await keeping(harbour)
    harbour.submit(ONE)
    await harbour.finished("w")
    await harbour.until(lambda: all(not pod["metadata"].get("finalizers") for pod in harbour.pods()))
    assert phases(harbour) == ["Succeeded"]


async def test_pods_go_with_their_workflow(harbour: Harbour) -> None:
    harbour.server.kubelet.behave = lambda _pod: Ending(hangs=True)
    await keeping(harbour)
    harbour.submit(ONE)
    await harbour.until(lambda: harbour.nodes().get("w") == "Running")
    harbour.server.store.delete(place("w"))
    await harbour.until(lambda: not harbour.pods())


async def test_pods_of_a_workflow_that_was_deleted_while_the_controller_was_away_go(harbour: Harbour) -> None:
    life = await keeping(harbour)
    harbour.server.kubelet.behave = lambda _pod: Ending(hangs=True)
    harbour.submit(ONE)
    await harbour.until(lambda: harbour.nodes().get("w") == "Running")
    await harbour.kill(life)
    harbour.server.store.delete(place("w"))
    await harbour.controller()
    await harbour.until(lambda: not harbour.pods())


async def test_finalizers_of_others_stay(harbour: Harbour) -> None:
    harbour.server.kubelet.behave = lambda _pod: Ending(seconds=3)
    await keeping(harbour)
    harbour.submit(ONE)
    await harbour.until(lambda: harbour.nodes().get("w") == "Running")
    ours = harbour.pods()[0]["metadata"]["finalizers"]
    harbour.server.store.patch(place("w", "pods"), {"metadata": {"finalizers": [*ours, "others/mine"]}})
    await harbour.finished("w")
    await harbour.until(lambda: harbour.pods()[0]["metadata"]["finalizers"] == ["others/mine"])

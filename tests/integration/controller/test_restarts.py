"""Pods that the cluster ended before their program began are made again."""

import asyncio

from tests.integration.controller.conftest import Harbour, place

from tiphys.local.objects import Change
from tiphys.settings import Configuration, OwnConfiguration
from tiphys.settings.configuration import FailedPodRestart
from tiphys.testing.apiserver.kubelet import Ending

ONE = "entrypoint: a\ntemplates: [{name: a, container: {image: i}}]"
REJECTED = {"phase": "Failed", "reason": "NodeAffinity", "message": "Pod was rejected"}


async def test_a_pod_that_is_rejected_is_made_again_until_it_may_not_be(harbour: Harbour) -> None:
    harbour.server.kubelet.behave = lambda _pod: Ending(waits="ContainerCreating")
    life = await harbour.controller()
    life.controller.configure(Configuration(failed_pod_restart=FailedPodRestart(enabled=True, max_restarts=2)), OwnConfiguration())
    harbour.submit(ONE)
    seen: set[str] = set()
    for count in range(1, 4):
        await harbour.until(lambda: any(pod["metadata"]["uid"] not in seen for pod in harbour.pods()))
        seen.add(harbour.pods()[0]["metadata"]["uid"])
        harbour.server.store.patch(place("w", "pods"), {"status": REJECTED})
        harbour.server.store.patch(place("w", "pods"), {"status": {"observedGeneration": 1}})
        if count < 3:
            await harbour.until(lambda count=count: harbour.status()["nodes"]["w"].get("failedPodRestarts") == count)
    await harbour.finished("w")
    node = harbour.status()["nodes"]["w"]
    assert (node["phase"], node["message"], node["failedPodRestarts"]) == ("Failed", "Pod was rejected", 2)


async def test_a_pod_that_is_rejected_before_its_creation_is_answered_is_made_again_too(harbour: Harbour) -> None:
    def reject(change: Change) -> None:
        if change.place.plural == "pods" and change.type == "ADDED":
            asyncio.get_running_loop().call_soon(harbour.server.store.patch, change.place, {"status": REJECTED})

    harbour.server.kubelet.behave = lambda _pod: Ending(waits="ContainerCreating", pending_seconds=100)
    harbour.server.store.on_change.append(reject)
    life = await harbour.controller()
    life.controller.configure(Configuration(failed_pod_restart=FailedPodRestart(enabled=True, max_restarts=3)), OwnConfiguration())
    names = [harbour.submit(ONE, name=f"w{number}") for number in range(5)]
    await harbour.finished(*names)
    assert [harbour.status(name)["nodes"][name]["failedPodRestarts"] for name in names] == [3] * 5

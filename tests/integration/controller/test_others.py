"""Others act on the same objects: users, a second controller, and those who mean no good."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from tests.integration.controller.conftest import Harbour, place

from tiphys.local.objects import Place
from tiphys.testing.apiserver import Call, Ending, Fault

CHAIN = """
entrypoint: main
templates:
- name: main
  steps: [[{name: a, template: one}], [{name: b, template: one}], [{name: c, template: one}]]
- {name: one, container: {image: i, command: [a]}}
"""
FAN = """
entrypoint: main
templates:
- name: main
  steps: [[{name: s, template: one, withSequence: {count: "10"}}]]
- {name: one, container: {image: i, command: [a]}}
"""


def made(harbour: Harbour) -> Counter[str]:
    return Counter(c.place.name for c in harbour.server.store.changes if c.type == "ADDED" and c.place.plural == "pods")


# --- users


async def test_what_others_write_is_kept_and_nothing_of_ours_is_lost(harbour: Harbour) -> None:
    harbour.server.kubelet.behave = lambda _pod: Ending(seconds=1)
    await harbour.controller()
    harbour.submit(CHAIN)
    count = 0
    while harbour.status().get("phase") not in ("Succeeded", "Failed", "Error"):
        count += 1
        harbour.patch({"metadata": {"labels": {"theirs": str(count)}, "annotations": {f"n{count % 7}": str(count)}}})
        await asyncio.sleep(0.4)
    found = harbour.workflow()
    assert harbour.status()["phase"] == "Succeeded"
    assert found["metadata"]["labels"]["theirs"] == str(count)
    assert found["metadata"]["labels"]["workflows.argoproj.io/completed"] == "true"
    assert set(made(harbour).values()) == {1}


async def test_every_write_may_meet_a_foreign_one_first(harbour: Harbour) -> None:
    """The write loses the race each time for a while; it is decided again on what is stored then."""
    left = 6

    def races(call: Call) -> bool:
        nonlocal left
        if call.verb == "patch" and call.kind == "workflows" and left:
            left -= 1
            harbour.patch({"metadata": {"annotations": {"race": str(left)}}})
        return False

    harbour.server.faults.append(Fault("answer", matches=races))
    await harbour.controller()
    harbour.submit(CHAIN)
    await harbour.finished("w")
    assert left == 0
    assert set(harbour.nodes().values()) == {"Succeeded"}
    assert harbour.workflow()["metadata"]["annotations"]["race"] == "0"
    assert set(made(harbour).values()) == {1}


async def test_a_wish_that_is_heard_while_a_write_is_under_way_is_not_lost(harbour: Harbour) -> None:
    harbour.server.kubelet.behave = lambda _pod: Ending(hangs=True)
    wrote = False

    def at_the_first_write(call: Call) -> bool:
        nonlocal wrote
        if call.verb == "patch" and call.kind == "workflows" and not wrote:
            wrote = True
            # just after our write has been stored, before its answer
            asyncio.get_running_loop().call_soon(lambda: asyncio.ensure_future(shut_down()))
        return False

    async def shut_down() -> None:
        await asyncio.sleep(0.01)
        harbour.patch({"spec": {"shutdown": "Terminate"}})

    harbour.server.faults.append(Fault("answer", matches=at_the_first_write))
    await harbour.controller()
    harbour.submit(CHAIN)
    await harbour.finished("w", seconds=60)
    assert harbour.status()["message"] == "Stopped with strategy 'Terminate'"


@pytest.mark.parametrize("seconds", [0.0, 1.0, 5.0])
async def test_a_stop_is_heard_at_any_time(harbour: Harbour, seconds: float) -> None:
    harbour.server.kubelet.behave = lambda _pod: Ending(hangs=True)
    await harbour.controller()
    harbour.submit(FAN)
    await harbour.until(lambda: len(harbour.pods()) == 10)
    await asyncio.sleep(seconds)
    harbour.patch({"spec": {"shutdown": "Stop"}})
    began = asyncio.get_running_loop().time()
    await harbour.finished("w", seconds=60)
    assert asyncio.get_running_loop().time() - began < 20
    await harbour.until(lambda: not harbour.pods(), 60)


async def test_a_workflow_that_is_deleted_takes_everything_with_it(harbour: Harbour) -> None:
    harbour.server.kubelet.behave = lambda _pod: Ending(hangs=True)
    life = await harbour.controller()
    harbour.submit(FAN)
    await harbour.until(lambda: len(harbour.pods()) == 10)
    harbour.server.store.delete(place("w"))
    await harbour.until(lambda: not harbour.pods())
    await asyncio.sleep(5)
    assert not life.controller.lives
    assert set(made(harbour).values()) == {1}


async def test_a_name_that_is_used_again_at_once_is_another_workflow(harbour: Harbour) -> None:
    harbour.server.kubelet.behave = lambda _pod: Ending(seconds=3)
    await harbour.controller()
    harbour.submit(CHAIN)
    await harbour.until(lambda: harbour.nodes().get("w[0].a") == "Running")
    harbour.server.store.delete(place("w"))
    harbour.submit(CHAIN)
    await harbour.finished("w")
    assert set(harbour.nodes().values()) == {"Succeeded"}
    owners = {pod["metadata"]["ownerReferences"][0]["uid"] for pod in harbour.pods()}
    assert owners == {harbour.workflow()["metadata"]["uid"]}


# --- a second controller


async def test_two_controllers_at_once_make_no_pod_twice(harbour: Harbour) -> None:
    harbour.server.kubelet.behave = lambda _pod: Ending(seconds=0.5)
    first, second = await harbour.controller(), await harbour.controller()
    for index in range(4):
        harbour.submit(FAN if index % 2 else CHAIN, name=f"w{index}")
    await harbour.finished(*(f"w{index}" for index in range(4)), seconds=300)
    for index in range(4):
        assert set(harbour.nodes(f"w{index}").values()) == {"Succeeded"}
    assert set(made(harbour).values()) == {1}
    await harbour.until(lambda: True)
    for life in (first, second):
        async with asyncio.timeout(30):
            while life.controller.lives:  # noqa: ASYNC110 nothing tells
                await asyncio.sleep(0.1)


async def test_pods_of_a_workflow_that_ended_unseen_are_stopped(harbour: Harbour) -> None:
    harbour.server.kubelet.behave = lambda _pod: Ending(hangs=True)
    life = await harbour.controller()
    harbour.submit(CHAIN)
    await harbour.until(lambda: harbour.nodes().get("w[0].a") == "Running")
    await harbour.kill(life)
    label = {"workflows.argoproj.io/completed": "true", "workflows.argoproj.io/phase": "Failed"}
    harbour.patch({"metadata": {"labels": label}, "status": {"phase": "Failed"}})
    await harbour.controller()
    await harbour.until(lambda: not harbour.pods())


# --- those who mean no good


def forged(harbour: Harbour, name: str, **fields: Any) -> None:
    """A pod with our labels, as anybody who may create pods can make it."""
    workflow = harbour.workflow()["metadata"]
    owner = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": "w", "uid": workflow["uid"], "controller": True}
    meta = {
        "name": name,
        "labels": {"workflows.argoproj.io/workflow": "w"},
        "annotations": {"workflows.argoproj.io/node-id": fields.pop("node_id", "w-1")},
        "ownerReferences": [owner],
    }
    pod = {"metadata": meta, "spec": {"containers": [{"name": "main", "image": "x"}]}, **fields}
    harbour.server.store.create(place(name, "pods"), pod)


POISON: dict[str, dict[str, Any]] = {
    "labels that are a list": {"metadata": {"labels": ["workflows.argoproj.io/workflow"]}},
    "a status that is a text": {"status": "fine"},
    "containers that are none": {"status": {"phase": "Failed", "containerStatuses": [7, None, "x"]}},
    "a message as deep as the sea": {
        "status": {
            "phase": "Succeeded",
            "containerStatuses": [
                {"name": "main", "state": {"terminated": {"exitCode": 0, "message": '{"v":1,"x":' + "[" * 5000}}}
            ],
        }
    },
    "quantities that are no numbers": {
        "spec": {"containers": [{"name": "main", "image": "x", "resources": {"requests": {"cpu": "nan", "memory": "infE"}}}]},
        "status": {
            "phase": "Failed",
            "containerStatuses": [
                {
                    "name": "main",
                    "state": {
                        "terminated": {"exitCode": 1, "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:09Z"}
                    },
                }
            ],
        },
    },
    "times that never were": {
        "status": {"phase": "Running", "containerStatuses": [{"name": "main", "state": {"running": {"startedAt": "yesterday"}}}]}
    },
    "a phase that is none": {"status": {"phase": "Dancing"}},
}


@pytest.mark.parametrize("kind", POISON)
async def test_a_poisoned_pod_harms_nobody(harbour: Harbour, kind: str) -> None:
    harbour.server.kubelet.behave = lambda _pod: Ending(seconds=2)
    life = await harbour.controller()
    harbour.submit(CHAIN)
    await harbour.until(lambda: any(pod["status"]["phase"] == "Running" for pod in harbour.pods()))
    real = harbour.pods()[0]["metadata"]["annotations"]["workflows.argoproj.io/node-id"]
    forged(harbour, f"w-poison-{real.rpartition('-')[2]}", node_id=real)
    where = place(f"w-poison-{real.rpartition('-')[2]}", "pods")
    harbour.server.store.patch(where, POISON[kind])
    harbour.submit(CHAIN, name="other")
    await harbour.finished("other")
    assert set(harbour.nodes("other").values()) == {"Succeeded"}
    assert not life.following.has_ended


async def test_a_forged_pod_speaks_for_no_node(harbour: Harbour) -> None:
    harbour.server.kubelet.behave = lambda pod: Ending(
        hangs=pod["metadata"]["name"].startswith("w-one"), exit_code=9, seconds=0.1
    )
    await harbour.controller()
    harbour.submit(CHAIN)
    await harbour.until(lambda: harbour.nodes().get("w[0].a") == "Running")
    node = harbour.pods()[0]["metadata"]["annotations"]["workflows.argoproj.io/node-id"]
    forged(harbour, "w-liar", node_id=node)
    forged(harbour, "stranger", node_id=node)
    await asyncio.sleep(5)
    assert harbour.nodes()["w[0].a"] == "Running"


UNREADABLE: dict[str, Any] = {
    "a spec that is a list": [],
    "templates that are a number": {"entrypoint": "main", "templates": 7},
    "a template that is a text": {"entrypoint": "main", "templates": ["main"]},
    "steps of steps of steps": {"entrypoint": "main", "templates": [{"name": "main", "steps": [[[[["a"]]]]]}]},
}


@pytest.mark.parametrize("kind", UNREADABLE)
async def test_a_workflow_that_cannot_be_read_fails_alone(harbour: Harbour, kind: str) -> None:
    life = await harbour.controller()
    harbour.server.store.create(place("bad"), {"metadata": {"name": "bad"}, "spec": UNREADABLE[kind]})
    harbour.submit(CHAIN)
    await harbour.finished("w", "bad")
    assert harbour.nodes()["w"] == "Succeeded"
    assert harbour.status("bad")["phase"] == "Failed"
    assert harbour.status("bad")["message"].startswith(("cannot unmarshall spec: ", "invalid spec: "))
    assert not life.following.has_ended


async def test_a_pod_that_its_ended_workflow_does_not_know_does_not_run_on(harbour: Harbour) -> None:
    """As when somebody stops the workflow between the order of a pod and the word of its node."""
    harbour.server.kubelet.behave = lambda pod: Ending(hangs=pod["metadata"]["name"] == "stranger")
    harbour.submit("{entrypoint: a, templates: [{name: a, container: {image: i, command: [c]}}]}")
    owner = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": "w", "uid": harbour.workflow()["metadata"]["uid"], "controller": True}
    meta = {"name": "stranger", "labels": {"workflows.argoproj.io/workflow": "w", "workflows.argoproj.io/completed": "false"},
            "annotations": {"workflows.argoproj.io/node-id": "w-1", "workflows.argoproj.io/node-name": "w.b"}, "ownerReferences": [owner]}  # fmt: skip
    harbour.server.store.create(
        Place("api/v1", "pods", "ns", "stranger"), {"metadata": meta, "spec": {"containers": [{"name": "main", "image": "i"}]}}
    )
    await harbour.controller()
    await harbour.finished("w")
    await harbour.until(lambda: [pod["metadata"]["name"] for pod in harbour.pods()] == ["w"])

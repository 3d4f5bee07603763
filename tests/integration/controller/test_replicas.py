"""Several replicas share the work: one dies, one sleeps through its Lease, one more comes."""

import asyncio
from collections import Counter
from typing import Any

import pytest
import yaml
from tests.integration.controller.conftest import ARGO, Harbour, Life, LoopClock, place

from tiphys.cluster.leases import Membership
from tiphys.controller.sharding import Replica, Share
from tiphys.errors import Unavailable
from tiphys.local.objects import Place
from tiphys.settings import OwnConfiguration, parse_configuration
from tiphys.testing.apiserver import Ending

CHAIN = """
entrypoint: main
templates:
- name: main
  steps: [[{name: a, template: one}], [{name: b, template: one}], [{name: c, template: one}]]
- {name: one, container: {image: i, command: [a]}}
"""
DURATION, INTERVAL = 30.0, 3.0


class ReplicaLife(Life):
    """A controller that does its share; what it hears goes through its share first."""

    def __init__(self, harbour: Harbour, identity: str) -> None:
        super().__init__(harbour.server)
        self.replica = Replica(self.api, LoopClock(), "argo", "all", identity=identity, duration=DURATION, interval=INTERVAL)
        self.share: Share = self.replica.share("Workflow", "", self._hear, self.controller.released, witness=self.controller.witnessed)
        self.feed.informer.on_change = lambda _key, raw: self.share("MODIFIED", raw)
        self.feed.informer.on_delete = lambda _key, raw: self.share("DELETED", raw)
        self.following.join(self.replica)
        self.followed: set[str] = set()

    def _hear(self, kind: str, raw: Any) -> None:
        self.followed.add(raw["metadata"]["name"])
        if kind == "DELETED":
            self.controller.workflow_deleted(raw["metadata"]["uid"])
        else:
            self.controller.workflow_changed(raw)


async def replicas(harbour: Harbour, *identities: str) -> list[ReplicaLife]:
    """Replicas that know each other."""
    made = [ReplicaLife(harbour, identity) for identity in identities]
    for life in made:
        await life.start()
        harbour.lives.append(life)
    await known(*made)
    return made


async def known(*lives: ReplicaLife, seconds: float = 60) -> None:
    wanted = {life.replica.membership.identity for life in lives}
    async with asyncio.timeout(seconds):
        while any(life.replica.membership.members != wanted for life in lives):  # noqa: ASYNC110 nothing tells
            await asyncio.sleep(0.2)


def made(harbour: Harbour) -> Counter[str]:
    return Counter(c.place.name for c in harbour.server.store.changes if c.type == "ADDED" and c.place.plural == "pods")


def submit(harbour: Harbour, count: int, start: int = 0) -> list[str]:
    return [harbour.submit(CHAIN, name=f"w{index}") for index in range(start, start + count)]


@pytest.mark.parametrize("count", [2, 4])
async def test_each_workflow_is_followed_by_one_replica(harbour: Harbour, count: int) -> None:
    lives = await replicas(harbour, *"abcd"[:count])
    names = submit(harbour, 24)
    await harbour.finished(*names, seconds=300)
    for name in names:
        assert set(harbour.nodes(name).values()) == {"Succeeded"}
        assert sum(name in life.followed for life in lives) == 1
    assert set(made(harbour).values()) == {1}
    # about the same for each: more than nothing and less than twice its share
    assert all(0 < len(life.followed) < 2.5 * 24 / count for life in lives)


async def test_another_replica_takes_over_when_one_is_killed(harbour: Harbour) -> None:
    harbour.server.kubelet.behave = lambda _pod: Ending(seconds=4)
    first, second = await replicas(harbour, "a", "b")
    names = submit(harbour, 12)
    await harbour.until(lambda: len(harbour.pods()) >= 12)
    assert first.followed
    began = asyncio.get_running_loop().time()
    await harbour.kill(first)
    await known(second)
    assert asyncio.get_running_loop().time() - began <= DURATION + 2 * INTERVAL
    await harbour.finished(*names, seconds=300)
    assert all(set(harbour.nodes(name).values()) == {"Succeeded"} for name in names)
    assert set(made(harbour).values()) == {1}
    assert second.followed == set(names)


async def test_a_replica_that_ends_gracefully_is_not_waited_for(harbour: Harbour) -> None:
    harbour.server.kubelet.behave = lambda _pod: Ending(seconds=4)
    first, second = await replicas(harbour, "a", "b")
    names = submit(harbour, 8)
    await harbour.until(lambda: len(harbour.pods()) >= 8)
    await harbour.stop(first)
    await known(second, seconds=2.5 * INTERVAL)
    await harbour.finished(*names, seconds=300)
    assert set(made(harbour).values()) == {1}


async def test_a_new_replica_gets_its_share_of_what_runs(harbour: Harbour) -> None:
    harbour.server.kubelet.behave = lambda _pod: Ending(seconds=6)
    (first,) = await replicas(harbour, "a")
    names = submit(harbour, 16)
    await harbour.until(lambda: len(harbour.pods()) >= 16)
    second = ReplicaLife(harbour, "b")
    harbour.lives.append(await second.start())
    await known(first, second)
    await harbour.finished(*names, seconds=300)
    assert all(set(harbour.nodes(name).values()) == {"Succeeded"} for name in names)
    assert set(made(harbour).values()) == {1}
    assert 0 < len(second.followed) < 16


async def test_a_replica_that_slept_through_its_lease_writes_nothing_more(harbour: Harbour) -> None:
    """As SIGSTOP does: nothing of it runs for a minute, then all of it at once."""
    harbour.server.kubelet.behave = lambda _pod: Ending(seconds=4)
    first, second = await replicas(harbour, "a", "b")
    names = submit(harbour, 12)
    await harbour.until(lambda: len(harbour.pods()) >= 12)
    followed = set(first.followed)
    assert followed
    wake = sleep(first)
    await known(second, seconds=DURATION + 3 * INTERVAL)
    await harbour.finished(*names, seconds=300)
    # it wakes believing what it believed, and tries to write
    asked = len([call for call in harbour.server.effects if call.kind != "leases"])
    wake()
    with pytest.raises(Unavailable, match="lease has run out"):
        await first.api.patch("Workflow", "ns", next(iter(followed)), {"metadata": {"labels": {"late": "1"}}})
    assert len([call for call in harbour.server.effects if call.kind != "leases"]) == asked
    await known(first, second)
    assert all(set(harbour.nodes(name).values()) == {"Succeeded"} for name in names)
    assert set(made(harbour).values()) == {1}


def sleep(life: ReplicaLife) -> Any:
    """The replica's Lease is renewed no more and its turns stand still; the answer wakes it."""
    membership = life.replica.membership
    renew, look, take, handle = membership._renew, membership._look, life.controller._turn, life.controller.handle

    async def nothing() -> None:
        await asyncio.sleep(0)

    membership._renew, membership._look = nothing, nothing  # type: ignore[method-assign]
    life.controller._turn = lambda _live: None  # type: ignore[method-assign]
    life.controller.handle = lambda *_: None  # type: ignore[method-assign]

    def wake() -> None:
        membership._renew, membership._look = renew, look  # type: ignore[method-assign]
        life.controller._turn = take  # type: ignore[method-assign]
        life.controller.handle = handle  # type: ignore[method-assign]

    return wake


async def test_a_replica_cut_off_from_the_server_gives_up_before_its_lease_ends(harbour: Harbour) -> None:
    (first,) = await replicas(harbour, "a")
    names = submit(harbour, 3)
    await harbour.finished(*names)
    began = asyncio.get_running_loop().time()
    async with harbour.server.outage():
        async with asyncio.timeout(DURATION + INTERVAL):
            while first.replica.membership.may_write():  # noqa: ASYNC110 nothing tells
                await asyncio.sleep(0.1)
        assert asyncio.get_running_loop().time() - began < DURATION
        with pytest.raises(Unavailable, match="lease has run out"):
            await first.api.create("Pod", "ns", {})
    await known(first)
    await harbour.finished(harbour.submit(CHAIN, name="later"))


async def test_locks_of_a_namespace_are_seen_by_one_replica(harbour: Harbour) -> None:
    harbour.server.kubelet.behave = lambda _pod: Ending(seconds=1)
    lives = await replicas(harbour, "a", "b", "c")
    locked = CHAIN.replace("entrypoint: main", "entrypoint: main\nsynchronization: {mutexes: [{name: one}]}")
    names = [harbour.submit(locked, name=f"m{index}") for index in range(4)]
    overlaps = 0

    def watch(_change: Any) -> None:
        nonlocal overlaps
        owners = {pod["metadata"]["ownerReferences"][0]["name"] for pod in harbour.pods() if pod["status"]["phase"] == "Running"}
        overlaps += len(owners) > 1

    harbour.server.store.on_change.append(watch)
    await harbour.finished(*names, seconds=300)
    assert overlaps == 0
    assert sum(bool(life.followed) for life in lives) == 1


async def test_locks_of_another_namespace_are_given_by_the_replica_of_that_or_refused(harbour: Harbour) -> None:
    harbour.server.kubelet.behave = lambda _pod: Ending(seconds=1)
    await replicas(harbour, "a", "b", "c")
    here = CHAIN.replace("entrypoint: main", "entrypoint: main\nsynchronization: {mutexes: [{name: one, namespace: lock-0}]}")
    namespaces = ("lock-0", "ns-1", "ns-2", "ns-3", "ns-4")
    for namespace in namespaces:
        submit_in(harbour, namespace, "w", here)
    submit_in(harbour, "ns-1", "mixed", here.replace("namespace: lock-0}", "namespace: lock-0}, {name: two}"))
    overlaps = 0

    def watch(_change: Any) -> None:
        nonlocal overlaps
        running = [pod for pod in harbour.server.store.find("api/v1", "pods") if pod["status"]["phase"] == "Running"]
        overlaps += len({pod["metadata"]["namespace"] for pod in running}) > 1

    harbour.server.store.on_change.append(watch)
    await harbour.until(lambda: {phase(harbour, "w", namespace) for namespace in namespaces} == {"Succeeded"}, seconds=300)
    assert overlaps == 0
    await harbour.until(lambda: phase(harbour, "mixed", "ns-1") == "Failed")
    message = harbour.server.store.read(Place(ARGO, "workflows", "ns-1", "mixed"))["status"]["message"]
    assert message.startswith("Failed to acquire the synchronization lock. lock-0/Mutex/one is a lock of another namespace")


def submit_in(harbour: Harbour, namespace: str, name: str, spec: str) -> None:
    manifest = {"metadata": {"name": name, "namespace": namespace}, "spec": yaml.safe_load(spec)}
    harbour.server.store.create(Place(ARGO, "workflows", namespace, name), manifest)


def phase(harbour: Harbour, name: str, namespace: str) -> str:
    return str(harbour.server.store.read(Place(ARGO, "workflows", namespace, name)).get("status", {}).get("phase", ""))


async def test_leases_of_the_dead_are_told_from_those_of_the_living(harbour: Harbour) -> None:
    """A Lease that does not change is none of a living replica, whatever time it names."""
    spec = {"holderIdentity": "ghost", "leaseDurationSeconds": 30, "renewTime": "2199-01-01T00:00:00.000000Z"}
    where = Place("apis/coordination.k8s.io/v1", "leases", "argo", "tiphys-ghost")
    harbour.server.store.create(where, {"metadata": {"name": "tiphys-ghost", "labels": {"tiphys.io/replicas-of": "all"}}, "spec": spec})
    life = ReplicaLife(harbour, "a")
    harbour.lives.append(await life.start())
    await known(life)
    harbour.submit(CHAIN)
    await harbour.finished("w")
    assert isinstance(life.replica.membership, Membership)
    assert place("w").namespace == "ns"


async def test_a_limit_of_workflows_counts_those_of_other_replicas(harbour: Harbour) -> None:
    lives = await replicas(harbour, "a", "b")
    for life in lives:
        life.controller.configure(parse_configuration({"parallelism": "2"}), OwnConfiguration())
    wait = "{entrypoint: a, templates: [{name: a, suspend: {}}]}"
    for index in range(8):
        harbour.submit(wait, f"w{index}")
        await asyncio.sleep(2)
    names = [f"w{index}" for index in range(8)]

    def running() -> list[str]:
        return [name for name in names if harbour.status(name).get("phase") == "Running"]

    assert len(running()) == 2
    while running():
        for name in running():
            harbour.patch({"spec": {"shutdown": "Terminate"}}, name)
        await asyncio.sleep(6)
        assert len(running()) <= 2
    assert all(harbour.status(name)["phase"] == "Failed" for name in names)

"""Events: dispatched before the answer or after it, refused when too many wait, and what is wrong with a binding is told at it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from tests.integration.server.serving import ARGO, Served, running

from tiphys.cluster.connection import Access
from tiphys.local.objects import Place
from tiphys.server.kept import Kept, Settled
from tiphys.server.queueing import Dispatcher, Dispatching
from tiphys.server.subject import Gate
from tiphys.testing.apiserver import APIServer, Fault

PATH = "/api/v1/events/ns/d"


async def _unconfigured() -> Settled:
    return Settled()


@asynccontextmanager
async def serving(said: Dispatching) -> AsyncIterator[tuple[Served, Dispatcher]]:
    async with APIServer() as cluster:
        cluster.token = "secret"  # noqa: S105
        access = Access(server=cluster.address, token=lambda: "secret")
        kept = Kept(_unconfigured, said)
        async with running(cluster, Gate(access=access, modes=frozenset({"client"})), kept) as made:
            yield made, kept.dispatcher


def bind(served: Served, name: str, selector: str) -> None:
    spec = {"event": {"selector": selector}, "submit": {"workflowTemplateRef": {"name": "t"}}}
    served.cluster.store.create(Place(ARGO, "workfloweventbindings", "ns", name), {"metadata": {"name": name}, "spec": spec})


def started(cluster: APIServer) -> int:
    return len(cluster.store.find(ARGO, "workflows", "ns"))


def told(cluster: APIServer) -> list[tuple[Any, ...]]:
    events = cluster.store.find("api/v1", "events", "ns")
    return [(one["type"], one["reason"], one["involvedObject"]["name"], one["count"]) for one in events]


async def changed(cluster: APIServer, holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():
            await cluster.store.changed.wait()


async def test_what_is_wrong_with_a_binding_is_told_at_it_and_the_same_again_is_counted() -> None:
    async with serving(Dispatching()) as (served, _):
        bind(served, "bad", "payload.missing.deep == 1 &&")
        bind(served, "good", "true")
        for _ in range(3):
            status, said = await served.ask("POST", PATH, {})
            assert (status, said["code"]) == (500, 2)
            assert said["message"].startswith("failed to dispatch event: bad: ")
        assert told(served.cluster) == [("Warning", "WorkflowEventBindingError", "bad", 3)]
        assert started(served.cluster) == 3


async def test_a_server_that_may_tell_nobody_dispatches_all_the_same() -> None:
    async with serving(Dispatching()) as (served, _):
        bind(served, "bad", "nothing")
        bind(served, "good", "true")
        served.cluster.faults.append(Fault("answer", "create", "events", status=403))
        assert (await served.ask("POST", PATH, {}))[0] == 500
        assert (told(served.cluster), started(served.cluster)) == ([], 1)


async def test_events_are_dispatched_after_the_answer_with_the_sender_s_rights() -> None:
    async with serving(Dispatching(is_later=True)) as (served, _):
        bind(served, "bad", "nothing")
        bind(served, "good", "true")
        assert await served.ask("POST", PATH, {}) == (200, {})
        await changed(served.cluster, lambda: bool(told(served.cluster)) and started(served.cluster) == 1)
        assert told(served.cluster) == [("Warning", "WorkflowEventBindingError", "bad", 1)]


async def test_an_event_for_which_no_place_is_left_is_refused_and_the_others_are_dispatched() -> None:
    async with serving(Dispatching(is_later=True, queue_size=2, workers=1)) as (served, dispatcher):
        bind(served, "good", "true")
        let, is_held = asyncio.Event(), asyncio.Event()

        async def hold() -> None:
            is_held.set()
            await let.wait()

        dispatcher.take(hold)
        await is_held.wait()
        answers = [(await served.ask("POST", PATH, {}))[0] for _ in range(3)]
        assert answers == [200, 200, 503]
        assert (await served.ask("POST", PATH, {}))[1] == {"code": 14, "message": "operation queue full"}
        assert started(served.cluster) == 0
        let.set()
        await changed(served.cluster, lambda: started(served.cluster) == 2)


async def test_of_somebody_who_is_not_known_nothing_waits() -> None:
    async with serving(Dispatching(is_later=True, queue_size=1)) as (served, _):
        bind(served, "good", "true")
        for headers in ({}, {"Authorization": "Bearer fake"}):
            assert (await served.ask("POST", PATH, {}, headers))[0] == 401
        assert (await served.ask("POST", PATH, {}))[0] == 200
        await changed(served.cluster, lambda: started(served.cluster) == 1)


async def test_what_was_accepted_is_dispatched_before_the_server_ends() -> None:
    done: list[int] = []
    dispatcher = Dispatcher(Dispatching(is_later=True, queue_size=9, workers=2))

    async def work(number: int) -> None:
        await asyncio.sleep(0)
        done.append(number)
        if number == 1:
            raise RuntimeError("one that breaks keeps no other from it")

    async with dispatcher.running():
        for number in range(9):
            dispatcher.take(lambda number=number: work(number))  # type: ignore[misc]
        assert not done
    assert sorted(done) == list(range(9))

"""http templates from submission to the end: a controller, the agent that its pod would run, and a server that is asked."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web
from tests.integration.controller.conftest import ARGO, Harbour, harbour_with, place
from tests.integration.controller.test_crashes import Crash, take_over

from tiphys.cli.rerun import Retry, retry_in_place
from tiphys.cluster.api import Api
from tiphys.cluster.connection import Access
from tiphys.executor.agent import Agent
from tiphys.local.objects import Place
from tiphys.settings import Configuration, OwnConfiguration
from tiphys.testing.apiserver import Ending

ASKS = """
entrypoint: main
templates:
- name: main
  steps:
  - - {{name: a, template: ask, arguments: {{parameters: [{{name: p, value: a}}]}}}}
    - {{name: b, template: ask, arguments: {{parameters: [{{name: p, value: b}}]}}}}
  - - {{name: c, template: ask, arguments: {{parameters: [{{name: p, value: "{{{{steps.a.outputs.result}}}}"}}]}}}}
- name: ask
  inputs: {{parameters: [{{name: p}}]}}
  http: {{url: "{url}/{{{{inputs.parameters.p}}}}"}}
"""


def behave(pod: dict[str, Any]) -> Ending:
    return Ending(hangs=pod["metadata"]["name"].endswith("-agent"))


class Asked:
    """A server that remembers what it was asked, and answers when it may."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.may_answer = asyncio.Event()
        self.both_asked = asyncio.Event()

    async def handle(self, request: web.Request) -> web.Response:
        self.paths.append(request.path)
        if len(self.paths) == 2:
            self.both_asked.set()
        await self.may_answer.wait()
        return web.Response(text=request.path.strip("/") * 2)


@contextlib.asynccontextmanager
async def asked() -> AsyncIterator[tuple[Asked, str]]:
    server, app = Asked(), web.Application()
    app.router.add_get("/{path:.*}", server.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield server, f"http://127.0.0.1:{runner.addresses[0][1]}"
    server.may_answer.set()
    await runner.cleanup()


@contextlib.asynccontextmanager
async def agent(harbour: Harbour, name: str = "w") -> AsyncIterator[Agent]:
    """The program of the agent's pod."""
    async with Api(Access(server=harbour.server.address)) as api:
        one = Agent(api, "ns", name, "", ())
        working = asyncio.create_task(one.run())
        yield one
        one.end()
        await working


def pods_of_agents(harbour: Harbour) -> list[str]:
    return [pod["metadata"]["name"] for pod in harbour.pods() if pod["metadata"]["name"].endswith("-agent")]


async def test_requests_are_made_by_one_agent_that_goes_with_its_workflow() -> None:
    async with asked() as (server, url), harbour_with(behave) as harbour:
        server.may_answer.set()
        harbour.submit(ASKS.format(url=url))
        await harbour.controller()
        await harbour.until(lambda: len(pods_of_agents(harbour)) == 1)
        async with agent(harbour) as one:
            await harbour.finished("w")
            assert harbour.status()["phase"] == "Succeeded", harbour.status()
            await asyncio.wait_for(one.ended.wait(), 60)
        assert sorted(server.paths) == ["/a", "/aa", "/b"]
        results = {node["name"]: node["outputs"]["result"] for node in harbour.status()["nodes"].values() if node["type"] == "HTTP"}
        assert results == {"w[0].a": "aa", "w[0].b": "bb", "w[1].c": "aaaa"}
        await harbour.until(lambda: not pods_of_agents(harbour))


async def test_somebody_elses_agent_does_the_work_where_the_administrator_has_one() -> None:
    async with asked() as (server, url), harbour_with(behave) as harbour:
        server.may_answer.set()
        life = await harbour.controller()
        life.controller.configure(Configuration(disable_agent_pod_creation=True), OwnConfiguration())
        harbour.submit(ASKS.format(url=url))
        async with agent(harbour):
            await harbour.finished("w")
        assert (harbour.status()["phase"], sorted(server.paths), pods_of_agents(harbour)) == ("Succeeded", ["/a", "/aa", "/b"], [])


async def test_a_controller_that_is_killed_repeats_no_request() -> None:
    async with asked() as (server, url), harbour_with(behave) as harbour:
        harbour.submit(ASKS.format(url=url))
        life = await harbour.controller()
        await harbour.until(lambda: len(pods_of_agents(harbour)) == 1)
        async with agent(harbour):
            await harbour.until(lambda: bool(harbour.nodes()))
            await server.both_asked.wait()
            await harbour.kill(life)
            server.may_answer.set()
            await asyncio.sleep(5)
            await harbour.controller()
            await harbour.finished("w")
        assert harbour.status()["phase"] == "Succeeded"
        assert sorted(server.paths) == ["/a", "/aa", "/b"]


async def survive(index: int, *, is_after: bool) -> bool:
    """Whether there was such an effect, of the controller or of the agent, at which the controller dies and the server goes away."""
    async with asked() as (server, url), harbour_with(behave) as harbour:
        server.may_answer.set()
        crash = Crash(harbour, index, is_after=is_after)
        harbour.submit(ASKS.format(url=url))
        life = await harbour.controller()
        rescue = asyncio.ensure_future(take_over(harbour, crash, life))
        async with agent(harbour):
            await harbour.finished("w")
        if crash.happened.is_set():
            await rescue
        else:
            rescue.cancel()
        assert harbour.status()["phase"] == "Succeeded", (index, is_after, harbour.status())
        assert sorted(server.paths) == ["/a", "/aa", "/b"], (index, is_after)
        return crash.happened.is_set()


async def test_a_crash_at_any_effect_repeats_no_request() -> None:
    struck, index = 0, 0
    while True:
        happened = await asyncio.gather(*(survive(index + i // 2, is_after=bool(i % 2)) for i in range(6)))
        struck += sum(happened)
        index += 3
        if not any(happened):
            break
    # two times the first status, the task set, its tasks, the pod, three results and the end
    assert struck >= 2 * 8


async def test_an_agent_whose_pod_is_lost_is_replaced() -> None:
    async with asked() as (server, url), harbour_with(behave) as harbour:
        server.may_answer.set()
        harbour.submit(ASKS.format(url=url))
        await harbour.controller()
        await harbour.until(lambda: len(pods_of_agents(harbour)) == 1)
        harbour.server.store.delete(Place("api/v1", "pods", "ns", pods_of_agents(harbour)[0]))
        await harbour.until(lambda: len(pods_of_agents(harbour)) == 1)
        async with agent(harbour):
            await harbour.finished("w")
        assert harbour.status()["phase"] == "Succeeded"


async def test_an_agent_that_ended_too_early_is_replaced() -> None:
    made: list[str] = []

    def ends_once(pod: dict[str, Any]) -> Ending:
        made.append(pod["metadata"]["name"])
        return Ending(hangs=len(made) > 1)

    async with asked() as (server, url), harbour_with(ends_once) as harbour:
        server.may_answer.set()
        harbour.submit(ASKS.format(url=url))
        await harbour.controller()
        await harbour.until(lambda: len(made) == 2)
        async with agent(harbour):
            await harbour.finished("w")
        assert (harbour.status()["phase"], len(set(made))) == ("Succeeded", 1)


async def test_what_is_run_again_has_its_tasks_done_by_another_agent() -> None:
    async with asked() as (server, url), harbour_with(behave) as harbour:
        server.may_answer.set()
        harbour.submit(ASKS.format(url=url))
        life = await harbour.controller()
        async with agent(harbour) as one:
            await harbour.finished("w")
            await asyncio.wait_for(one.ended.wait(), 60)
        await harbour.until(lambda: not pods_of_agents(harbour))
        async with Api(Access(server=harbour.server.address)) as api:
            await retry_in_place(api, "ns", "w", Retry(restart_successful=True, node_field_selector="displayName=c").of)
            await harbour.until(lambda: len(pods_of_agents(harbour)) == 1)
        async with agent(harbour):
            await harbour.finished("w")
        assert (harbour.status()["phase"], sorted(server.paths)) == ("Succeeded", ["/a", "/aa", "/aa", "/b"])
        await harbour.until(lambda: life.controller.effects.busy_count == 0)


async def test_a_task_set_that_cannot_be_read_keeps_no_other_from_being_heard() -> None:
    async with asked() as (server, url), harbour_with(behave) as harbour:
        harbour.server.store.create(place("odd", "workflowtasksets"), {
            "metadata": {"name": "odd", "labels": {"workflows.argoproj.io/workflow": "w"}}, "spec": {"tasks": "none"}})  # fmt: skip
        server.may_answer.set()
        harbour.submit(ASKS.format(url=url))
        await harbour.controller()
        async with agent(harbour):
            await harbour.finished("w")
        assert harbour.status()["phase"] == "Succeeded"


async def test_what_is_left_of_an_earlier_workflow_of_that_name_is_not_taken() -> None:
    async with asked() as (server, url), harbour_with(behave) as harbour:
        server.may_answer.set()
        harbour.submit(ASKS.format(url=url))
        life = await harbour.controller()
        async with agent(harbour):
            await harbour.finished("w")
        await harbour.kill(life)
        old = harbour.server.store.read(place("w", "workflowtasksets"))
        harbour.server.store.delete(place("w"))
        if not any(one["metadata"]["name"] == "w" for one in harbour.server.store.find(ARGO, "workflowtasksets")):
            harbour.server.store.create(place("w", "workflowtasksets"), {"metadata": {k: old["metadata"][k] for k in ("name", "labels", "ownerReferences")},
                                                                         "status": {"nodes": {}}, "spec": old["spec"]})  # fmt: skip
        harbour.submit(ASKS.format(url=url))
        await harbour.controller()
        await harbour.until(lambda: bool(harbour.nodes()))
        await asyncio.sleep(5)
        assert len(server.paths) == 3
        harbour.server.store.delete(place("w", "workflowtasksets"))
        async with agent(harbour):
            await harbour.finished("w")
        assert len(server.paths) == 6


async def test_a_stopped_workflow_stops_its_requests() -> None:
    async with asked() as (server, url), harbour_with(behave) as harbour:
        harbour.submit(ASKS.format(url=url))
        await harbour.controller()
        async with agent(harbour):
            await server.both_asked.wait()
            harbour.patch({"spec": {"shutdown": "Stop"}})
            await harbour.finished("w")
        found = {node["name"]: node.get("message") for node in harbour.status()["nodes"].values()}
        assert found["w[0].a"] == "Stopped with strategy 'Stop'"
        tasks = harbour.server.store.read(place("w", "workflowtasksets"))
        assert tasks["metadata"]["labels"]["workflows.argoproj.io/completed"] == "true"

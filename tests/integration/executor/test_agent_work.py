"""What an agent does, against real servers: requests of http templates, and executor plugins."""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from tiphys.cluster.api import Api, Page
from tiphys.cluster.connection import Access
from tiphys.errors import SpecError
from tiphys.executor.agent import Agent
from tiphys.executor.http import MAX_BODY, do_http
from tiphys.executor.plugins import do_plugin
from tiphys.model.base import KeySelector, ObjectMeta
from tiphys.model.parse import parse_as
from tiphys.model.task_set import PluginServer, TaskResult, TaskSet, TaskSetSpec
from tiphys.model.template import HTTPTemplate, Template

Serve = Callable[..., Awaitable[str]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    runners = []

    async def start(path: str, handle: Callable[[web.Request], Awaitable[web.Response]]) -> str:
        app = web.Application(client_max_size=8 * 2**20)
        app.router.add_route("*", path, handle)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        runners.append(runner)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    yield start
    for runner in runners:
        await runner.cleanup()


async def secret(selector: KeySelector) -> str:
    if selector.name != "token":
        raise SpecError(f"secret {selector.name} cannot be read: not found")
    return "s3cret"


async def echo(request: web.Request) -> web.Response:
    body = await request.read()
    return web.json_response(
        {"method": request.method, "auth": request.headers.get("Authorization"), "host": request.headers["Host"], "body": body.decode()},
        status=int(request.query.get("status", "200")), headers={"X-Kind": "test"},
    )  # fmt: skip


async def http(**fields: object) -> TaskResult:
    return await do_http(parse_as(HTTPTemplate, fields), secret)


async def test_a_request_carries_its_method_headers_secrets_and_body(serve: Serve) -> None:
    url = await serve("/x", echo)
    result = await http(url=f"{url}/x", method="PUT", body="hello", headers=[
        {"name": "Authorization", "valueFrom": {"secretKeyRef": {"name": "token", "key": "t"}}}, {"name": "Host", "value": "other.example"}])  # fmt: skip
    assert result.phase == "Succeeded"
    assert result.outputs.result == '{"method": "PUT", "auth": "s3cret", "host": "other.example", "body": "hello"}'
    result = await http(url=f"{url}/x", method="POST", bodyFrom={"bytes": base64.b64encode(b"raw").decode()})
    assert '"body": "raw"' in result.outputs.result


async def test_only_2xx_is_a_success_unless_a_condition_says_otherwise(serve: Serve) -> None:
    url = await serve("/x", echo)
    result = await http(url=f"{url}/x?status=404")
    assert (result.phase, result.message) == ("Failed", "received non-2xx response code: 404")
    assert result.outputs.result
    result = await http(url=f"{url}/x?status=404", successCondition="response.statusCode == 404")
    assert result.phase == "Succeeded"
    text = "response.body contains 'nope'"
    result = await http(url=f"{url}/x", successCondition=text)
    assert (result.phase, result.message) == ("Failed", f"successCondition '{text}' evaluated false")
    result = await http(url=f"{url}/x", method="POST", successCondition='request.method == "POST" && response.headers["X-Kind"][0] == "test"')
    assert result.phase == "Succeeded", result.message


@pytest.mark.parametrize("condition", ["response.statusCode ==", "response.statusCode"])
async def test_a_condition_that_is_none_is_an_error(serve: Serve, condition: str) -> None:
    url = await serve("/x", echo)
    assert (await http(url=f"{url}/x", successCondition=condition)).phase == "Error"


async def test_what_cannot_be_asked_is_an_error(serve: Serve) -> None:
    is_over = asyncio.Event()

    async def slow(_request: web.Request) -> web.Response:
        await is_over.wait()
        return web.Response()

    url = await serve("/slow", slow)
    result = await http(url=f"{url}/slow", timeoutSeconds=1)
    is_over.set()
    assert (result.phase, result.message) == ("Error", f"no answer from {url}/slow within 1 s")
    result = await http(url="http://127.0.0.1:1/")
    assert result.phase == "Error"
    result = await http(url=url, headers=[{"name": "A", "valueFrom": {"secretKeyRef": {"name": "none", "key": "t"}}}])
    assert (result.phase, result.message) == ("Error", "secret none cannot be read: not found")
    assert (await http(url="no url")).phase == "Error"


async def test_a_response_too_long_to_be_stored_is_an_error(serve: Serve) -> None:
    async def long(_request: web.Request) -> web.Response:
        return web.Response(body=b"x" * (MAX_BODY + 1))

    result = await http(url=f"{await serve('/', long)}/")
    assert (result.phase, result.message) == ("Error", "the response has more than 262144 bytes")


TEMPLATE = parse_as(Template, {"name": "t", "plugin": {"hello": {"x": 1}}})
ABOUT = {"name": "w", "namespace": "ns", "uid": "u"}


async def test_the_first_plugin_that_takes_a_template_does_it(serve: Serve, tmp_path) -> None:
    seen = []

    async def refuses(_request: web.Request) -> web.Response:
        return web.Response(status=404)

    async def knows_nothing(_request: web.Request) -> web.Response:
        return web.json_response({})

    async def takes(request: web.Request) -> web.Response:
        seen.append((request.headers["Authorization"], await request.json()))
        if len(seen) == 1:
            return web.json_response({"node": {"phase": "Running"}, "requeue": "1s"})
        return web.json_response({"node": {"phase": "Succeeded", "message": "hi", "outputs": {"parameters": [{"name": "p", "value": "v"}]}}})

    token = tmp_path / "token"
    token.write_text("t0ken")
    path = "/api/v1/template.execute"
    servers = [PluginServer(name=str(i), address=await serve(path, one), token_file=str(token))
               for i, one in enumerate((refuses, knows_nothing, takes))]  # fmt: skip
    result = await do_plugin(TEMPLATE, ABOUT, tuple(servers))
    assert (result.phase, result.message, result.outputs.parameters[0].value) == ("Succeeded", "hi", "v")
    assert seen[0] == ("Bearer t0ken", {"workflow": {"metadata": ABOUT}, "template": {"name": "t", "plugin": {"hello": {"x": 1}}}})


async def test_a_template_that_no_plugin_takes_is_an_error(serve: Serve) -> None:
    assert (await do_plugin(TEMPLATE, ABOUT, ())).message == "no plugin executed the template"

    async def broken(_request: web.Request) -> web.Response:
        return web.Response(status=400, text="what?")

    server = PluginServer(name="b", address=await serve("/api/v1/template.execute", broken))
    result = await do_plugin(TEMPLATE, ABOUT, (server,))
    assert (result.phase, result.message) == ("Error", "the plugin failed: b answered HTTP 400: what?")


async def test_an_agent_that_cannot_hear_any_more_ends_with_an_error() -> None:
    class Broken(Api):
        async def list(self, *_: Any, **__: Any) -> AsyncIterator[Page]:
            raise ValueError("broken")
            yield Page()

    async with Broken(Access(server="http://127.0.0.1:1")) as api:
        with pytest.raises(ValueError, match="broken"):
            await asyncio.wait_for(Agent(api, "ns", "w", "u", ()).run(), 60)


async def test_an_answer_that_is_no_list_is_asked_for_again(serve: Serve) -> None:
    answers = iter([web.Response(text="<html>"), web.json_response({"metadata": {"resourceVersion": "1"}, "items": [
        {"metadata": {"name": "w", "labels": {"workflows.argoproj.io/completed": "true"}}}]})])  # fmt: skip

    async def answer(_request: web.Request) -> web.Response:
        return next(answers, web.Response(status=500))

    async with Api(Access(server=await serve("/{path:.*}", answer))) as api:
        await asyncio.wait_for(Agent(api, "ns", "w", "u", ()).run(), 60)


async def test_a_task_that_breaks_the_agent_is_an_error_and_told(serve: Serve) -> None:
    told: list[dict[str, Any]] = []

    async def answer(request: web.Request) -> web.Response:
        if request.method == "GET":
            # a secret that is none: its values are numbers
            return web.json_response({"data": {"key": 1}})
        told.append(await request.json())
        one.end()
        return web.json_response({"metadata": {}})

    header = {"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "key"}}}
    task = parse_as(Template, {"name": "t", "http": {"url": "http://127.0.0.1:1/", "headers": [header]}})
    async with Api(Access(server=await serve("/{path:.*}", answer))) as api:
        one = Agent(api, "ns", "w", "u", ())
        one.heard(TaskSet(metadata=ObjectMeta(name="w"), spec=TaskSetSpec(tasks={"n": task})))
        await asyncio.wait_for(one.ended.wait(), 60)
        await one.stop()
    said = told[0]["status"]["nodes"]["n"]
    assert (len(told), said["phase"], said["message"].partition(":")[0]) == (1, "Error", "the agent failed")

"""Nodes that an agent does."""

import pytest

from tiphys.engine.actions import CollectNode
from tiphys.model.arguments import Outputs, Parameter
from tiphys.testing.world import World

HTTP = """
entrypoint: main
templates:
- name: main
  steps:
  - - {name: ask, template: ask, arguments: {parameters: [{name: u, value: "http://x/{{workflow.name}}"}]}}
  - - {name: use, template: use, arguments: {parameters: [{name: m, value: "{{steps.ask.outputs.result}}"}]}}
- {name: ask, inputs: {parameters: [{name: u}]}, http: {url: "{{inputs.parameters.u}}"}}
- {name: use, inputs: {parameters: [{name: m}]}, container: {image: i, args: ["{{inputs.parameters.m}}"]}}
"""
PLUGIN = """
entrypoint: a
templates:
- {name: a, plugin: {hello: {}}, outputs: {parameters: [{name: p, globalName: g, valueFrom: {supplied: {}}}]}}
"""


@pytest.mark.parametrize("restores", [False, True])
def test_a_request_is_ordered_and_its_body_is_the_result(restores):
    world = World(HTTP, lambda order: {"result": "body"} if order.template.http else {}, restores=restores).play()
    node = world.node("hello[0].ask")
    assert (world.phase, node.type, node.outputs.result) == ("Succeeded", "HTTP", "body")
    assert world.orders[0].template.http.url == "http://x/hello"
    assert (world.orders[0].pod_name, world.orders[1].template.container["args"]) == ("", ["body"])
    assert next(action.node_id for action in world.actions if isinstance(action, CollectNode)) == node.id


def test_a_plugins_outputs_are_the_nodes():
    given = Outputs(parameters=(Parameter(name="p", value="v"),), result="r")
    world = World(PLUGIN, lambda _: {"outputs": given}).play()
    assert (world.node("hello").type, world.node("hello").outputs.parameters[0].value) == ("Plugin", "v")
    assert world.stored["status"]["outputs"]["parameters"][0]["value"] == "v"


def test_a_failed_request_fails_and_is_retried_if_that_is_wanted():
    world = World(HTTP, lambda _: {"phase": "Failed", "message": "received non-2xx response code: 500"}).play()
    assert (world.phase, world.node("hello[0].ask").message) == ("Failed", "received non-2xx response code: 500")
    retried = HTTP.replace("- {name: ask, inputs", "- {name: ask, retryStrategy: {limit: 1}, inputs")
    world = World(retried, lambda order: {"phase": "Failed", "message": "no"} if order.node_name.endswith("(0)") else {}).play()
    assert world.phase == "Succeeded"


def test_a_request_that_is_under_way_is_stopped_as_argo_says():
    world = World(HTTP, lambda _: {"hangs": True}).play()
    world.change_spec(shutdown="Terminate")
    assert (world.phase, world.node("hello[0].ask").message) == ("Failed", "Stopped with strategy 'Terminate'")


def test_requests_do_not_count_for_parallelism():
    spec = HTTP.replace("entrypoint: main", "entrypoint: main\nparallelism: 1").replace(
        "  - - {name: use", "    - {name: also, template: use, arguments: {parameters: [{name: m, value: x}]}}\n  - - {name: use"
    )
    world = World(spec, lambda _: {"hangs": True}).play()
    assert [order.node_name for order in world.orders] == ["hello[0].ask", "hello[0].also"]

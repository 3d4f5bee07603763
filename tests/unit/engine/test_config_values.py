"""Parameters that come from ConfigMaps."""

import json
from typing import Any

import pytest

from tiphys.controller.config_maps import answer_of
from tiphys.engine.actions import ReadConfigMap
from tiphys.testing.world import World

LEAF = """
entrypoint: m
arguments: {parameters: [{name: map, value: limits}]}
templates:
- name: m
  steps: [[{name: a, template: leaf}, {name: b, template: leaf, arguments: {parameters: [{name: p, value: given}]}}]]
- name: leaf
  inputs: {parameters: [{name: p, DEFAULT valueFrom: {configMapKeyRef: {name: "{{workflow.parameters.map}}", key: size}}}]}
  container: {image: i, args: ["{{inputs.parameters.p}}"]}
"""
GLOBAL = """
entrypoint: a
arguments: {parameters: [{name: map, value: limits}, {name: p, valueFrom: {configMapKeyRef: {name: "{{workflow.parameters.map}}", key: size}}}]}
templates: [{name: a, container: {image: i, args: ["{{workflow.parameters.p}}"]}}]
"""


class Told(World):
    """A world whose ConfigMaps are given."""

    def __init__(self, spec: str, maps: dict[str, Any], **more: Any) -> None:
        self.maps = maps
        self.asked: list[ReadConfigMap] = []
        super().__init__(spec, **more)

    def _take(self, actions: Any) -> None:
        super()._take(actions)
        for action in actions:
            if isinstance(action, ReadConfigMap):
                self.asked.append(action)
                found = self.maps.get(action.name)
                self._events.append((self.now, answer_of(action, None if found is None else json.dumps(found).encode())))


def a_map(**data: str) -> dict[str, Any]:
    return {"metadata": {"name": "limits", "labels": {"workflows.argoproj.io/configmap-type": "Parameter"}}, "data": data}


def spec(default: str = "") -> str:
    return LEAF.replace("DEFAULT", f"default: {default}," if default else "")


@pytest.mark.parametrize("restores", [False, True])
def test_an_input_without_an_argument_is_read(restores):
    world = Told(spec(), {"limits": a_map(size="7")}, restores=restores).play()
    assert sorted(order.template.container["args"][0] for order in world.orders) == ["7", "given"]
    assert world.node("hello[0].a").inputs.parameters[0].value == "7"
    assert world.phase == "Succeeded"


@pytest.mark.parametrize("restores", [False, True])
def test_an_argument_of_the_workflow_is_read_before_anything_starts(restores):
    world = Told(GLOBAL, {"limits": a_map(size="7")}, restores=restores).play()
    assert [order.template.container["args"] for order in world.orders] == [["7"]]


def test_a_key_is_read_once():
    assert len(Told(spec().replace(", arguments: {parameters: [{name: p, value: given}]}", ""), {"limits": a_map(size="7")}).play().asked) == 1


ABSENT = ("ConfigMap 'limits' does not exist. Please make sure it has the label workflows.argoproj.io/configmap-type: Parameter "
          "to be detectable by the controller")  # fmt: skip
UNLABELLED = "ConfigMap 'limits' needs to have the label workflows.argoproj.io/configmap-type: Parameter to load parameters"


@pytest.mark.parametrize(
    ("maps", "message"),
    [({}, ABSENT), ({"limits": a_map(other="1")}, "ConfigMap 'limits' does not have the key 'size'"),
     ({"limits": {"metadata": {}, "data": {"size": "7"}}}, UNLABELLED)],
)  # fmt: skip
def test_what_is_wrong_with_a_config_map_is_told(maps, message):
    world = Told(spec(), maps).play()
    assert world.node("hello[0].a").message == f"unable to retrieve inputs.parameters.p from ConfigMap: {message}"
    world = Told(GLOBAL, maps).play()
    assert (world.phase, world.orders) == ("Failed", [])
    assert world.message == f"failed to set global parameters: failed to set global parameter p from configmap: {message}"


def test_a_default_stands_in_for_what_does_not_exist_only():
    assert {order.template.container["args"][0] for order in Told(spec("d"), {}).play().orders} == {"d", "given"}
    unlabelled = Told(spec("d"), {"limits": {"metadata": {}, "data": {"size": "7"}}}).play()
    assert unlabelled.node("hello[0].a").message.endswith(UNLABELLED)

"""The pod of a container set, and how it is read."""

import json

import pytest
from tests.unit.pods.test_build import plan

from tiphys.errors import SpecError
from tiphys.pods.read import read_pod
from tiphys.pods.settings import PodSettings
from tiphys.pods.view import parse_pod

A = {"name": "a", "image": "i", "command": ["run-a"]}
MAIN = {"name": "main", "image": "i", "command": ["run"], "args": ["x"], "dependencies": ["a"]}


def containers(made):
    return {one["name"]: one for one in made.pod["spec"]["containers"]}


def test_containers_without_an_order_are_left_as_they_are():
    made = plan({"containerSet": {"containers": [A, {**A, "name": "b"}]}})
    assert [one["command"] for one in containers(made).values()] == [["run-a"], ["run-a"]]
    assert not made.needs_shim


def test_an_order_is_the_shims_business():
    made = containers(plan({"containerSet": {"containers": [A, MAIN], "volumeMounts": [{"name": "work", "mountPath": "/w"}]},
                            "volumes": [{"name": "work", "emptyDir": {}}]}))  # fmt: skip
    assert made["a"]["command"][-4:] == ["--order", "a=/argo-order", "--", "run-a"]
    assert made["main"]["command"][-6:] == ["--order", "main=/argo-order", "--after", "a", "--", "run"]
    assert made["main"]["args"] == ["x"]
    assert "dependencies" not in made["main"]
    for one in made.values():
        assert {"work", "tiphys-order", "tiphys-shim"} <= {mount["name"] for mount in one["volumeMounts"]}


def test_retries_happen_in_the_container():
    made = containers(plan({"containerSet": {"containers": [A], "retryStrategy": {"retries": 3, "duration": "2s"}}}))
    assert made["a"]["command"][-4:-2] == ["--retry", "3=2000"]
    made = containers(plan({"containerSet": {"containers": [A], "retryStrategy": {"retries": "0"}}}))
    assert made["a"]["command"][-4:-2] == ["--retry", "1=0"]


def test_outputs_come_from_main_alone():
    template = {"containerSet": {"containers": [A, MAIN]}, "outputs": {"parameters": [{"name": "p", "valueFrom": {"path": "/p"}}]}}
    made = containers(plan(template, wants_result=True))
    assert "--result" in made["main"]["command"]
    assert "p=/p" in made["main"]["command"]
    assert "--result" not in made["a"]["command"]
    with pytest.raises(SpecError, match="needs a container named main"):
        plan({**template, "containerSet": {"containers": [A]}})


def test_an_order_needs_known_commands():
    made = {"containerSet": {"containers": [A, {"name": "b", "image": "odd", "dependencies": ["a"]}]}}
    with pytest.raises(SpecError, match='the entry point of image "odd" is not known'):
        plan(made)
    from tiphys.pods.settings import ImageEntry

    assert containers(plan(made, PodSettings(images={"odd": ImageEntry(("known",))})))["b"]["command"][-1] == "known"


def test_each_container_is_read():
    status = {"phase": "Running", "containerStatuses": [
        {"name": "a", "state": {"terminated": {"exitCode": 0, "finishedAt": "2026-01-01T00:00:09Z"}}},
        {"name": "b", "state": {"terminated": {"exitCode": 2, "reason": "Error", "message": "no"}}},
        {"name": "c", "state": {"terminated": {"exitCode": 64, "reason": "Error"}}},
        {"name": "main", "state": {"running": {}}},
        {"name": "d", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "not there"}}}]}  # fmt: skip
    report = read_pod(parse_pod(json.dumps({"metadata": {"name": "p"}, "status": status}).encode()))
    found = {name: (one.phase, one.message) for name, one in report.containers.items()}
    assert found == {
        "a": ("Succeeded", ""),
        "b": ("Failed", "b: Error (exit code 2): no"),
        "c": ("Error", "c: Error (exit code 64)"),
        "main": ("Running", ""),
        "d": ("Pending", "ImagePullBackOff: not there"),
    }

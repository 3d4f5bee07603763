"""Containers that others put into pods, such as a service mesh's, do not keep a step from ending."""

import json
from typing import Any

import pytest
import yaml
from tests.e2e.conftest import Cluster
from tests.e2e.pods.conftest import manifest, node

POLITE = "trap 'exit 0' TERM; while :; do sleep 0.2; done"
ODD = "while ! test -e /stop-15; do sleep 0.2; done"
DEAF = "trap '' TERM; while :; do sleep 0.2; done"


def beside(script: str) -> str:
    mesh = {"name": "mesh", "image": "busybox", "command": ["sh", "-c", script]}
    return json.dumps({"terminationGracePeriodSeconds": 2, "containers": [mesh]})


@pytest.fixture(scope="module")
def injected(place: Cluster) -> Cluster:
    told = {"annotations": {"workflows.argoproj.io/kill-cmd-mesh": '["sh", "-c", "touch /stop-%d"]'}}
    main: dict[str, Any] = {"container": {"image": "busybox", "command": ["sh", "-c", "sleep 0.5"]}}
    place.apply(yaml.safe_dump_all([
        manifest("polite", {**main, "podSpecPatch": beside(POLITE)}),
        manifest("odd", {**main, "podSpecPatch": beside(ODD), "metadata": told}),
        manifest("deaf", {**main, "podSpecPatch": beside(DEAF)}),
        manifest("fails", {"container": {"image": "busybox", "command": ["sh", "-c", "exit 5"]}, "podSpecPatch": beside(POLITE)}),
    ]))  # fmt: skip
    return place


@pytest.mark.parametrize("name", ["polite", "odd", "deaf"])
def test_a_step_succeeds_though_something_would_run_on_beside_it(injected: Cluster, name: str) -> None:
    found = injected.finished(name)
    assert (node(found)["phase"], node(found).get("message", "")) == ("Succeeded", "")


def test_a_container_that_listens_ends_and_its_pod_stays(injected: Cluster) -> None:
    injected.finished("polite")
    pod = json.loads(injected.kubectl("get", "pod", "polite", "-o", "json"))
    ends = {one["name"]: one["state"]["terminated"]["exitCode"] for one in pod["status"]["containerStatuses"]}
    assert ends == {"main": 0, "mesh": 0}


def test_a_failure_of_main_stays_a_failure(injected: Cluster) -> None:
    found = injected.finished("fails")
    assert (node(found)["phase"], node(found)["message"]) == ("Failed", "main: Error (exit code 5)")

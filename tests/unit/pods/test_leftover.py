"""Containers that others put into pods."""

import json
from typing import Any

import pytest

from tiphys.pods.leftover import kill_command, leftovers
from tiphys.pods.view import PodView, parse_pod

DONE = {"terminated": {"exitCode": 0}}
NEVER_BEGAN = {"terminated": {"exitCode": 128, "reason": "StartError"}}
RUNS: dict[str, Any] = {"running": {}}


def pod(annotations: dict[str, str] | None = None, phase: str = "Running", **states: dict[str, Any]) -> PodView:
    statuses = [{"name": name, "state": state} for name, state in states.items()]
    meta = {"name": "p", "annotations": annotations or {}}
    return parse_pod(json.dumps({"metadata": meta, "status": {"phase": phase, "containerStatuses": statuses}}).encode())


@pytest.mark.parametrize(
    ("states", "left"),
    [
        ({"main": RUNS, "mesh": RUNS}, ()),
        ({"main": DONE, "mesh": RUNS}, ("mesh",)),
        ({"main": DONE, "mesh": RUNS, "logs": RUNS, "done": DONE}, ("mesh", "logs")),
        ({"main": DONE, "wait": RUNS, "mesh": RUNS}, ()),
        ({"main": DONE, "wait": DONE, "mesh": RUNS}, ("mesh",)),
        ({"main": DONE}, ()),
        ({"a": DONE, "b": RUNS}, ()),
        ({"main": NEVER_BEGAN, "wait": RUNS, "mesh": RUNS}, ("wait",)),
        ({"main": NEVER_BEGAN, "wait": DONE, "mesh": RUNS}, ("mesh",)),
    ],
)
def test_what_runs_on_after_main_and_its_executor_is_left_over(states, left):
    assert leftovers(pod(**states)) == left


def test_nothing_is_left_over_in_a_pod_that_has_ended():
    assert leftovers(pod(phase="Succeeded", main=DONE, mesh=RUNS)) == ()


@pytest.mark.parametrize(
    ("said", "command"),
    [
        ('["stop", "-%d", "now"]', ("stop", "-15", "now")),
        ("", ("/bin/sh", "-c", "kill -15 1")),
        ("not json", ("/bin/sh", "-c", "kill -15 1")),
        ('{"a": 1}', ("/bin/sh", "-c", "kill -15 1")),
        ("[1]", ("/bin/sh", "-c", "kill -15 1")),
        ("[]", ("/bin/sh", "-c", "kill -15 1")),
        ("\ud800", ("/bin/sh", "-c", "kill -15 1")),
    ],
)
def test_a_pods_annotation_says_how_a_container_is_ended_if_it_says_it_well(said, command):
    view = pod()
    view.metadata.annotations["workflows.argoproj.io/kill-cmd-mesh"] = said
    assert kill_command(view, "mesh", 15) == command

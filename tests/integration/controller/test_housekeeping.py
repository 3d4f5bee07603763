"""Finished workflows and what is left of them, also across restarts of the controller."""

import asyncio
from typing import Any

import pytest
from tests.integration.controller.conftest import ARGO, Harbour, Life, place

from tiphys.settings import OwnConfiguration, parse_configuration, parse_own_configuration

STEP = "templates: [{name: a, steps: [[{name: b, template: t}]]}, {name: t, container: {image: i, command: [c]}}]"
SPEC = f"entrypoint: a\n{STEP}\n"


def names(harbour: Harbour) -> set[str]:
    return {one["metadata"]["name"] for one in harbour.server.store.find(ARGO, "workflows")}


def configure(life: Life, **entries: str) -> None:
    life.controller.configure(parse_configuration(entries), OwnConfiguration())


async def test_a_workflow_is_deleted_when_its_time_is_over(harbour: Harbour) -> None:
    await harbour.controller()
    harbour.submit(SPEC + "ttlStrategy: {secondsAfterSuccess: 5}", "short")
    harbour.submit(SPEC + "ttlStrategy: {secondsAfterFailure: 5}", "stays")
    await harbour.until(lambda: names(harbour) == {"stays"})


async def test_a_restart_does_not_forget_when_a_workflow_is_to_go(harbour: Harbour) -> None:
    life = await harbour.controller()
    harbour.submit(SPEC + "ttlStrategy: {secondsAfterCompletion: 20}", "short")
    await harbour.finished("short")
    await harbour.kill(life)
    await harbour.controller()
    await harbour.until(lambda: names(harbour) == set())


async def test_only_so_many_finished_workflows_are_kept_the_newest_ones(harbour: Harbour) -> None:
    life = await harbour.controller()
    for i in range(4):
        harbour.submit(SPEC, f"w{i}")
        await harbour.finished(f"w{i}")
        await asyncio.sleep(1.5)
    configure(life, retentionPolicy="completed: 2")
    await harbour.until(lambda: names(harbour) == {"w2", "w3"})
    harbour.submit(SPEC, "w4")
    await harbour.until(lambda: names(harbour) == {"w3", "w4"} and harbour.status("w4").get("phase") == "Succeeded")


async def test_pods_go_as_the_strategy_says_and_only_those_that_are_chosen(harbour: Harbour) -> None:
    await harbour.controller()
    gc = "podGC: {strategy: OnWorkflowCompletion, deleteDelayDuration: 1s, labelSelector: {matchLabels: {drop: 'yes'}}}\n"
    spec = ("entrypoint: a\ntemplates: [{name: a, steps: [[{name: b, template: t}, {name: c, template: u}]]},"
            " {name: t, metadata: {labels: {drop: 'yes'}}, container: {image: i, command: [c]}},"
            " {name: u, container: {image: i, command: [c]}}]\n")  # fmt: skip
    harbour.submit(spec + gc)
    await harbour.finished("w")
    await harbour.until(lambda: len(harbour.pods()) == 1)
    assert "-u-" in harbour.pods()[0]["metadata"]["name"]


async def test_a_restart_does_not_forget_pods_that_were_to_go(harbour: Harbour) -> None:
    life = await harbour.controller()
    harbour.submit(SPEC + "podGC: {strategy: OnPodCompletion, deleteDelayDuration: 30s}")
    await harbour.finished("w")
    await harbour.kill(life)
    assert len(harbour.pods()) == 1
    await harbour.controller()
    await harbour.until(lambda: not harbour.pods())


async def test_a_restart_does_not_forget_pods_of_a_workflow_that_still_runs(harbour: Harbour) -> None:
    life = await harbour.controller()
    spec = ("entrypoint: a\ntemplates: [{name: a, steps: [[{name: b, template: t}], [{name: s, template: wait}]]},"
            " {name: t, container: {image: i, command: [c]}}, {name: wait, suspend: {}}]\n")  # fmt: skip
    harbour.submit(spec + "podGC: {strategy: OnPodSuccess, deleteDelayDuration: 30s}")
    await harbour.until(lambda: any(node["type"] == "Suspend" for node in harbour.status().get("nodes", {}).values()))
    await harbour.kill(life)
    assert len(harbour.pods()) == 1
    await harbour.controller()
    await harbour.until(lambda: not harbour.pods())


def budgets(harbour: Harbour) -> list[dict[str, Any]]:
    return harbour.server.store.find("apis/policy/v1", "poddisruptionbudgets")


async def test_a_disruption_budget_is_there_while_the_workflow_runs(harbour: Harbour) -> None:
    await harbour.controller()
    spec = "entrypoint: a\npodDisruptionBudget: {minAvailable: 9999}\ntemplates: [{name: a, suspend: {}}]"
    harbour.submit(spec)
    await harbour.until(lambda: len(budgets(harbour)) == 1)
    assert budgets(harbour)[0]["spec"]["minAvailable"] == 9999
    harbour.patch({"spec": {"shutdown": "Terminate"}})
    await harbour.finished("w")
    await harbour.until(lambda: not budgets(harbour))


async def test_a_budget_of_somebody_else_is_left_alone(harbour: Harbour) -> None:
    await harbour.controller()
    theirs = place("w", "poddisruptionbudgets")._replace(group="apis/policy/v1")
    harbour.server.store.create(theirs, {"metadata": {"name": "w", "namespace": "ns"}, "spec": {"minAvailable": 1}})
    harbour.submit(SPEC + "podDisruptionBudget: {minAvailable: 9999}")
    await harbour.finished("w")
    await asyncio.sleep(2)
    assert budgets(harbour)[0]["spec"]["minAvailable"] == 1


async def test_kept_pods_are_labelled_as_completed_where_that_is_wanted(harbour: Harbour) -> None:
    life = await harbour.controller()
    harbour.submit(SPEC, "plain")
    await harbour.finished("plain")
    life.controller.configure(parse_configuration({}), parse_own_configuration({"labelCompletedPods": "true"}))
    harbour.submit(SPEC, "labelled")
    await harbour.finished("labelled")

    def label(name: str) -> str:
        return next(pod["metadata"]["labels"]["workflows.argoproj.io/completed"] for pod in harbour.pods()
                    if pod["metadata"]["name"].startswith(name))  # fmt: skip

    await harbour.until(lambda: label("labelled") == "true")
    assert label("plain") == "false"


def late_pod(harbour: Harbour, phase: str) -> None:
    """What a creation leaves that was on its way while its workflow ended."""
    owner = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": "w", "uid": harbour.workflow()["metadata"]["uid"],
             "controller": True}  # fmt: skip
    meta = {"name": "w-late", "namespace": "ns", "ownerReferences": [owner],
            "annotations": {"workflows.argoproj.io/node-id": "w-1", "workflows.argoproj.io/node-name": "w.late"},
            "labels": {"workflows.argoproj.io/workflow": "w", "workflows.argoproj.io/completed": "false"}}  # fmt: skip
    ended = [{"name": "main", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}] if phase == "Succeeded" else []
    pod = {"metadata": meta, "spec": {"containers": [{"name": "main", "image": "i"}]}, "status": {"phase": phase, "containerStatuses": ended}}
    harbour.server.store.create(place("w-late", "pods"), pod)


@pytest.mark.parametrize("phase", ["Pending", "Running"])
async def test_a_pod_that_comes_after_the_end_of_its_workflow_is_ended(harbour: Harbour, phase: str) -> None:
    await harbour.controller()
    harbour.submit(SPEC)
    await harbour.finished("w")
    late_pod(harbour, phase)
    await harbour.until(lambda: len(harbour.pods()) == 1)
    assert harbour.status()["phase"] == "Succeeded"


async def test_a_pod_that_has_ended_when_it_comes_after_the_end_goes_as_the_others_do(harbour: Harbour) -> None:
    await harbour.controller()
    harbour.submit(SPEC + "podGC: {strategy: OnWorkflowSuccess, deleteDelayDuration: 1s}")
    await harbour.finished("w")
    await harbour.until(lambda: not harbour.pods())
    late_pod(harbour, "Succeeded")
    await harbour.until(lambda: not harbour.pods())

"""Artifacts are deleted by pods when their time has come; whatever goes wrong, a deleted workflow goes in the end."""

from typing import Any

import msgspec
from tests.integration.controller.conftest import Harbour, harbour_with

from tiphys.model.base import Json
from tiphys.model.collecting import CollectPlan, record_of
from tiphys.model.names import LABEL_COMPONENT
from tiphys.testing.apiserver import Ending

SPEC = """
entrypoint: a
artifactGC: {strategy: %s}
templates:
- name: a
  container: {image: i, command: [c]}
  outputs: {artifacts: [{name: out, path: /out, s3: {endpoint: e, bucket: b, key: k}}]}
"""


def is_collector(pod: Json) -> bool:
    return pod["metadata"]["labels"].get(LABEL_COMPONENT) == "artifact-gc"


def ending(*, is_gone: bool = False, hangs: bool = False) -> Any:
    """Pods whose executors say what ours say; `is_gone` is a store that nothing can be deleted from."""

    def behave(pod: Json) -> Ending:
        if not is_collector(pod):
            return Ending(message=msgspec.json.encode({"saved": 1}).decode())
        if hangs:
            return Ending(hangs=True)
        record = record_of([not is_gone], ["no answer"] if is_gone else [])
        return Ending(exit_code=64 if is_gone else 0, message=msgspec.json.encode(record).decode())

    return behave


def collectors(harbour: Harbour) -> list[str]:
    return [name for name in harbour.server.kubelet.started if "-artgc-" in name]


def exists(harbour: Harbour, name: str = "w") -> bool:
    return any(one["metadata"]["name"] == name for one in harbour.server.store.find("apis/argoproj.io/v1alpha1", "workflows"))


async def test_at_completion_the_artifact_goes_is_marked_and_the_finalizer_leaves() -> None:
    async with harbour_with(ending()) as harbour:
        await harbour.controller()
        harbour.submit(SPEC % "OnWorkflowCompletion")
        await harbour.finished("w")
        await harbour.until(lambda: not harbour.workflow()["metadata"].get("finalizers"))
        (node,) = harbour.status()["nodes"].values()
        assert node["outputs"]["artifacts"][0]["deleted"] is True
        assert list(harbour.status()["artifactGCStatus"]["podsRecouped"].values()) == [True]
        await harbour.until(lambda: not [pod for pod in harbour.pods() if is_collector(pod)])


async def test_a_deleted_workflow_waits_for_its_artifacts_and_is_gone_then() -> None:
    async with harbour_with(ending()) as harbour:
        life = await harbour.controller()
        harbour.submit(SPEC % "OnWorkflowDeletion")
        await harbour.finished("w")
        await life.api.delete("Workflow", "ns", "w")
        await harbour.until(lambda: not exists(harbour))
        assert len(collectors(harbour)) == 1


async def test_a_workflow_that_is_deleted_while_it_runs_is_ended_first() -> None:
    def behave(pod: Json) -> Ending:
        return ending()(pod) if is_collector(pod) else Ending(hangs=True)

    async with harbour_with(behave) as harbour:
        life = await harbour.controller()
        harbour.submit(SPEC % "OnWorkflowDeletion")
        await harbour.until(lambda: "Running" in harbour.nodes().values())
        await life.api.delete("Workflow", "ns", "w")
        await harbour.until(lambda: not exists(harbour))


async def test_a_store_that_is_gone_holds_nobody_and_is_told() -> None:
    async with harbour_with(ending(is_gone=True)) as harbour:
        life = await harbour.controller()
        harbour.submit(SPEC % "OnWorkflowDeletion")
        await harbour.finished("w")
        await life.api.delete("Workflow", "ns", "w")
        await harbour.until(lambda: not exists(harbour), 300)
        assert len(collectors(harbour)) == 3
        await harbour.until(lambda: "ArtifactGCFailed" in [event["reason"] for event in harbour.server.store.find("api/v1", "events")])


async def test_a_pod_that_cannot_even_be_made_holds_nobody_and_is_told() -> None:
    """A patch that is none, as a driver that the configuration does not know any more."""
    async with harbour_with(ending()) as harbour:
        life = await harbour.controller()
        harbour.submit(SPEC % "OnWorkflowDeletion, podSpecPatch: '['")
        await harbour.finished("w")
        await life.api.delete("Workflow", "ns", "w")
        await harbour.until(lambda: not exists(harbour), 300)
        assert collectors(harbour) == []


async def test_a_controller_that_was_killed_meanwhile_goes_on_and_deletes_once() -> None:
    async with harbour_with(ending()) as harbour:
        life = await harbour.controller()
        harbour.submit(SPEC % "OnWorkflowCompletion")
        await harbour.until(lambda: bool(harbour.status().get("artifactGCStatus")))
        await harbour.kill(life)
        await harbour.controller()
        await harbour.until(lambda: not harbour.workflow()["metadata"].get("finalizers"))
        (node,) = harbour.status()["nodes"].values()
        assert node["outputs"]["artifacts"][0]["deleted"] is True


async def test_the_plan_stands_in_a_config_map_and_names_no_secret_value() -> None:
    async with harbour_with(ending(hangs=True)) as harbour:
        await harbour.controller()
        harbour.submit(SPEC % "OnWorkflowCompletion")
        await harbour.until(lambda: bool(collectors(harbour)))
        (found,) = [one for one in harbour.server.store.find("api/v1", "configmaps") if "plan.json" in one.get("data", {})]
        plan = msgspec.json.decode(found["data"]["plan.json"], type=CollectPlan)
        assert plan.deletions[0].artifact.name == "out"

"""Which artifacts go when, by which pods, and when the finalizer lets the workflow go."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tiphys.engine.artifact_gc import ATTEMPTS, RELEASE_AFTER, Await, Release, Rest, Start, next_step, recouped, written_down
from tiphys.engine.patch import merge
from tiphys.model.collecting import Batch, CollectPlan, record_of
from tiphys.model.names import fnv1a32
from tiphys.model.parse import parse_workflow
from tiphys.testing.world import START, World

REPOSITORY = {"artifactRepository": {"s3": {"endpoint": "e", "bucket": "b"}}}
GC = "workflows.argoproj.io/artifact-gc"


def artifact(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "s3": {"key": f"k/{name}"}, **more}


def stored(strategy: str = "", artifacts: tuple[dict[str, Any], ...] = (artifact("a"),), *, deleted: bool = False,
           force: bool = False, **gc: Any) -> dict[str, Any]:  # fmt: skip
    own = {**({"strategy": strategy} if strategy else {}), **({"forceFinalizerRemoval": True} if force else {}), **gc}
    meta: dict[str, Any] = {"name": "w", "namespace": "n", "finalizers": [GC]}
    if deleted:
        meta["deletionTimestamp"] = START.isoformat()
    nodes = {"w": {"id": "w", "type": "Pod", "phase": "Succeeded", "outputs": {"artifacts": list(artifacts)}},
             "w-r": {"id": "w-r", "type": "Retry", "outputs": {"artifacts": [artifact("copy")]}}}  # fmt: skip
    return {"metadata": meta, "spec": {"artifactGC": own} if own else {},
            "status": {"phase": "Succeeded", "nodes": nodes, "artifactRepositoryRef": REPOSITORY}}  # fmt: skip


def step(workflow: dict[str, Any], minutes: float = 0):
    return next_step(parse_workflow(workflow), START + timedelta(minutes=minutes))


Pod = Callable[[Batch], tuple[list[bool], list[str], str]]


def good(batch: Batch) -> tuple[list[bool], list[str], str]:
    return [True] * len(batch.plan.deletions), [], ""


def bad(batch: Batch) -> tuple[list[bool], list[str], str]:
    return [False] * len(batch.plan.deletions), ["a: bucket b: key k/a: no answer"] * len(batch.plan.deletions), ""


def play(workflow: dict[str, Any], pod: Pod) -> tuple[Rest | Release, list[Batch]]:
    """Do as the shell does, every patch applied to the stored object; what it comes to, and the pods that were made."""
    made: dict[str, Batch] = {}
    for _ in range(50):
        found = step(workflow)
        if isinstance(found, Rest | Release):
            return found, list(made.values())
        if isinstance(found, Start):
            merge(workflow, {"status": written_down(found)})
            made |= {batch.pod_name: batch for batch in found.batches}
            continue
        name = found.pods[0]
        done, errors, fault = pod(made[name])
        merge(workflow, {"status": recouped(parse_workflow(workflow), name, made[name].plan, record_of(done, errors), fault)})
    raise AssertionError("it does not come to an end")


def deleted_artifacts(workflow: dict[str, Any]) -> list[str]:
    return [a["name"] for a in workflow["status"]["nodes"]["w"]["outputs"]["artifacts"] if a.get("deleted")]


@pytest.mark.parametrize(
    ("strategy", "deleted", "want"),
    [("OnWorkflowCompletion", False, ["a"]), ("OnWorkflowCompletion", True, ["a"]), ("OnWorkflowDeletion", False, []),
     ("OnWorkflowDeletion", True, ["a"]), ("Never", True, []), ("", True, [])],
)  # fmt: skip
def test_artifacts_go_when_their_time_has_come(strategy, deleted, want):
    workflow = stored(strategy, deleted=deleted)
    end, _ = play(workflow, good)
    assert deleted_artifacts(workflow) == want
    assert end == (Rest() if strategy == "OnWorkflowDeletion" and not deleted else Release())


def test_an_artifact_may_say_otherwise_than_the_workflow():
    artifacts = (artifact("keep", artifactGC={"strategy": "Never"}), artifact("go"),
                 artifact("later", artifactGC={"strategy": "OnWorkflowDeletion"}))  # fmt: skip
    workflow = stored("OnWorkflowCompletion", artifacts)
    assert play(workflow, good)[0] == Rest()
    assert deleted_artifacts(workflow) == ["go"]
    workflow["metadata"]["deletionTimestamp"] = START.isoformat()
    assert play(workflow, good)[0] == Release()
    assert deleted_artifacts(workflow) == ["go", "later"]


def test_a_pod_is_called_as_argo_calls_it_and_told_the_whole_location():
    _, (batch,) = play(stored("OnWorkflowCompletion", serviceAccountName="sa", podMetadata={"labels": {"x": "1"}}), good)
    assert batch.pod_name == f"w-artgc-wfcomp-{fnv1a32('sax,1')}"
    assert (batch.service_account, batch.metadata.labels) == ("sa", {"x": "1"})
    (deletion,) = batch.plan.deletions
    assert (deletion.artifact.s3.bucket, deletion.artifact.s3.key) == ("b", "k/a")


def test_each_identity_has_a_pod_of_its_own():
    artifacts = (artifact("a"), artifact("b", artifactGC={"serviceAccountName": "other"}), artifact("c"))
    _, made = play(stored("OnWorkflowDeletion", artifacts, deleted=True), good)
    assert [(batch.service_account, len(batch.plan.deletions)) for batch in made] == [("", 2), ("other", 1)]


def test_many_artifacts_are_shared_by_pods():
    artifacts = tuple(artifact(f"a{i}") for i in range(2500))
    workflow = stored("OnWorkflowCompletion", artifacts)
    end, made = play(workflow, good)
    assert [len(batch.plan.deletions) for batch in made] == [1000, 1000, 500]
    assert len({batch.pod_name for batch in made}) == 3
    assert (end, len(deleted_artifacts(workflow))) == (Release(), 2500)


def test_what_failed_is_tried_again_and_what_is_gone_is_not():
    artifacts = (artifact("a"), artifact("b"))
    workflow, seen = stored("OnWorkflowCompletion", artifacts), []

    def pod(batch: Batch) -> tuple[list[bool], list[str], str]:
        seen.append([deletion.artifact.name for deletion in batch.plan.deletions])
        return ([True, False], ["b: busy"], "") if len(seen) == 1 else good(batch)

    assert play(workflow, pod)[0] == Release()
    assert seen == [["a", "b"], ["b"]]
    assert "conditions" not in workflow["status"] or not workflow["status"]["conditions"]


def test_after_the_last_attempt_a_completed_workflow_rests_with_a_condition():
    workflow = stored("OnWorkflowCompletion")
    end, made = play(workflow, bad)
    assert (end, len(made)) == (Rest(), ATTEMPTS)
    (condition,) = workflow["status"]["conditions"]
    assert (condition["type"], condition["status"]) == ("ArtifactGCError", "True")
    assert condition["message"].endswith("a: bucket b: key k/a: no answer")


def test_a_store_that_is_gone_never_holds_a_deleted_workflow():
    end, made = play(stored("OnWorkflowDeletion", deleted=True), bad)
    assert (end, len(made)) == (Release(left=1), ATTEMPTS)


def test_failed_at_completion_is_tried_again_at_deletion():
    workflow = stored("OnWorkflowCompletion")
    play(workflow, bad)
    workflow["metadata"]["deletionTimestamp"] = START.isoformat()
    end, made = play(workflow, good)
    assert (end, len(made), deleted_artifacts(workflow)) == (Release(), 1, ["a"])


@pytest.mark.parametrize("deleted", [False, True])
def test_forced_removal_waits_for_one_attempt_only(deleted):
    end, made = play(stored("OnWorkflowCompletion", deleted=deleted, force=True), bad)
    assert (end, len(made)) == (Release(left=1), 1)


def test_pods_that_never_end_do_not_hold_a_deleted_workflow_either():
    workflow = stored("OnWorkflowDeletion", deleted=True)
    found = step(workflow)
    merge(workflow, {"status": written_down(found)})
    assert isinstance(step(workflow), Await)
    assert step(workflow, minutes=RELEASE_AFTER.total_seconds() / 60) == Release(left=1)


def test_a_pod_that_vanished_counts_as_an_attempt_that_failed():
    workflow = stored("OnWorkflowCompletion")
    merge(workflow, {"status": written_down(step(workflow))})
    (name,) = step(workflow).pods
    patch = recouped(parse_workflow(workflow), name, CollectPlan(), record_of([], []), "the pod is gone")
    merge(workflow, {"status": patch})
    assert "the pod is gone" in workflow["status"]["conditions"][0]["message"]
    assert isinstance(step(workflow), Start)


def test_a_record_fits_into_a_message_and_keeps_every_deletion():
    done = [i % 3 == 0 for i in range(1000)]
    record = record_of(done, ["x" * 200] * 1000)
    assert [record.is_deleted(i) for i in range(1000)] == done
    assert 0 < len(record.errors) < 20


@pytest.mark.parametrize(
    ("spec", "want"),
    [("artifactGC: {strategy: OnWorkflowCompletion}", True), ("artifactGC: {strategy: Never}", False), ("suspend: false", False)],
)
def test_a_workflow_gets_the_finalizer_only_where_something_is_to_be_deleted(spec, want):
    world = World(f"entrypoint: a\n{spec}\ntemplates: [{{name: a, container: {{image: i}}}}]").play()
    assert (world.stored["metadata"].get("finalizers") == [GC]) == want


def test_an_artifact_alone_may_ask_for_the_finalizer_and_it_is_written_once():
    text = """
metadata: {name: hello, finalizers: [mine]}
spec:
  entrypoint: a
  templates:
  - name: a
    container: {image: i}
    outputs: {artifacts: [{name: x, path: /p, s3: {endpoint: e, bucket: b, key: k}, artifactGC: {strategy: OnWorkflowDeletion}}]}
"""
    world = World(text, restores=True).play()
    assert world.stored["metadata"]["finalizers"] == ["mine", GC]

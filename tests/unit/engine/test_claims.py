"""Claims are there before the first pod."""

import pytest

from tiphys.engine.actions import CreateClaims, StartNode
from tiphys.engine.events import ClaimsCreated, ClaimsDelayed, ClaimsRefused, Restored
from tiphys.engine.run import Run
from tiphys.testing.world import START, World, workflow_of

SPEC = """
metadata: {name: hello, namespace: argo, uid: u1}
spec:
  entrypoint: a
  arguments: {parameters: [{name: size, value: 1Gi}]}
  volumeClaimTemplates:
  - metadata: {name: work, labels: {a: b}, annotations: {c: d}}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: "{{workflow.parameters.size}}"}}}
  templates: [{name: a, container: {image: i, volumeMounts: [{name: work, mountPath: /w}]}}]
"""
VOLUME = {"name": "work", "persistentVolumeClaim": {"claimName": "hello-work"}}


def begun() -> tuple[Run, list[object]]:
    run = Run(workflow_of(SPEC))
    return run, run.handle(Restored(), START)


def kinds(actions: list[object]) -> set[str]:
    return {type(action).__name__ for action in actions} & {"CreateClaims", "StartNode"}


def test_no_pod_is_ordered_before_the_claims_are_there():
    run, actions = begun()
    assert kinds(actions) == {"CreateClaims"}
    claim = next(action for action in actions if isinstance(action, CreateClaims)).claims[0]
    owner = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": "hello", "uid": "u1"}
    assert claim["metadata"] == {
        "name": "hello-work", "namespace": "argo", "labels": {"a": "b", "workflows.argoproj.io/workflow": "hello"},
        "annotations": {"c": "d"}, "ownerReferences": [{**owner, "controller": True, "blockOwnerDeletion": True}],
    }  # fmt: skip
    assert claim["spec"]["resources"] == {"requests": {"storage": "1Gi"}}
    assert kinds(run.handle(ClaimsCreated(), START)) == {"StartNode"}
    assert run.status.persistent_volume_claims == (VOLUME,)
    assert run.workflow.status.persistent_volume_claims == (VOLUME,)


def test_a_workflow_waits_for_a_claim_that_cannot_be_created_yet():
    run, _ = begun()
    run.handle(ClaimsDelayed("exceeded quota"), START)
    assert (run.status.phase, run.status.message) == ("Pending", "Waiting for a PVC to be created. exceeded quota")
    assert kinds(run.handle(ClaimsCreated(), START)) == {"StartNode"}
    assert (run.status.phase, run.status.message) == ("Running", "")


def test_a_claim_that_is_refused_ends_the_workflow():
    run, _ = begun()
    run.handle(ClaimsRefused("no such storage class"), START)
    assert (run.status.phase, run.status.message) == ("Error", "pvc create error: no such storage class")


@pytest.mark.parametrize("waits", [False, True])
def test_a_workflow_that_is_stopped_waits_for_no_claim(waits):
    world = World(SPEC.replace("spec:\n", "spec:\n  suspend: false\n", 1))
    assert world.orders == []
    if waits:
        world.send(ClaimsDelayed("no"))
    world._events.clear()
    world.change_spec(shutdown="Stop")
    world.play()
    assert (world.phase, world.node("hello").message) == ("Failed", "workflow shutdown with strategy: Stop")


def test_a_restored_run_asks_again_and_a_recorded_claim_is_not_asked_for():
    assert World(SPEC, restores=True).play().phase == "Succeeded"
    stored = workflow_of(SPEC.replace("spec:\n", "status: {phase: Running, persistentVolumeClaims: [{name: work}]}\nspec:\n", 1))
    assert kinds(Run(stored).handle(Restored(), START)) == {StartNode.__name__}

"""The pod that deletes artifacts: as whom it runs, what it is told, what it says."""

import json
from typing import Any

import pytest

from tiphys.errors import SpecError
from tiphys.model.arguments import Artifact, Metadata
from tiphys.model.collecting import Batch, CollectPlan, Deletion, parse_collect_record
from tiphys.model.drivers import ArtifactDriver
from tiphys.model.parse import parse_as, parse_workflow
from tiphys.pods.collection import PLAN_FILE, collected, collection_objects, is_collection
from tiphys.pods.settings import PodSettings
from tiphys.pods.view import PodView, parse_pod

ARTIFACT = parse_as(Artifact, {"name": "a", "s3": {"bucket": "b", "key": "k", "accessKeySecret": {"name": "s", "key": "ak"}}})


def built(account: str = "", finalizers: tuple[str, ...] = (), **gc: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    meta = {"name": "w", "namespace": "n", "uid": "u", "finalizers": list(finalizers)}
    workflow = parse_workflow({"metadata": meta, "spec": {"artifactGC": gc} if gc else {}})
    plan = CollectPlan(deletions=(Deletion(node="w", artifact=ARTIFACT),))
    batch = Batch("w-artgc-wfdel-1", "OnWorkflowDeletion", account, Metadata(labels={"team": "x"}, annotations={"note": "y"}), plan)
    return collection_objects(batch, workflow, PodSettings(instance_id="i"))


def test_what_a_driver_of_others_stored_is_deleted_by_it():
    artifact = parse_as(Artifact, {"name": "a", "plugin": {"name": "theirs", "key": "k"}})
    batch = Batch("w-artgc-wfdel-1", "OnWorkflowDeletion", "", Metadata(), CollectPlan(deletions=(Deletion(node="w", artifact=artifact),)))
    workflow = parse_workflow({"metadata": {"name": "w", "namespace": "n", "uid": "u"}, "spec": {}})
    _, pod = collection_objects(batch, workflow, PodSettings(artifact_drivers={"theirs": ArtifactDriver("drivers/theirs")}))
    (driver,) = pod["spec"]["initContainers"]
    assert (driver["image"], driver["restartPolicy"]) == ("drivers/theirs", "Always")
    assert pod["spec"]["containers"][0]["securityContext"] == {"runAsUser": 0}
    assert "/artifact-plugins/theirs" in [mount["mountPath"] for mount in pod["spec"]["containers"][0]["volumeMounts"]]
    with pytest.raises(SpecError, match="no artifact driver 'theirs'"):
        collection_objects(batch, workflow, PodSettings())


def test_the_plan_is_in_a_config_map_and_its_secrets_are_files():
    config_map, pod = built()
    plan = parse_as(CollectPlan, config_map["data"][PLAN_FILE])
    assert plan.deletions[0].artifact == ARTIFACT
    (container,) = pod["spec"]["containers"]
    assert container["command"] == ["tiphys", "executor", "delete"]
    assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/argo/collect", "/argo/secret/s"]
    assert pod["spec"]["volumes"][1]["secret"]["items"] == [{"key": "ak", "path": "ak"}]


def test_it_is_known_by_its_labels_and_users_add_their_own():
    _, pod = built()
    assert pod["metadata"]["labels"] == {
        "team": "x", "workflows.argoproj.io/workflow": "w", "workflows.argoproj.io/component": "artifact-gc",
        "workflows.argoproj.io/completed": "false", "workflows.argoproj.io/controller-instanceid": "i"}  # fmt: skip
    assert pod["metadata"]["annotations"] == {"note": "y", "workflows.argoproj.io/artifact-gc-strategy": "OnWorkflowDeletion"}
    assert is_collection(parse_pod(json.dumps(pod).encode()))


@pytest.mark.parametrize("account", ["", "cleaner"])
def test_it_has_a_token_only_where_an_account_is_named(account):
    spec = built(account)[1]["spec"]
    assert (spec.get("serviceAccountName", ""), spec["automountServiceAccountToken"]) == (account, bool(account))


def test_in_a_foreground_deletion_it_has_no_owner_that_takes_it_away():
    assert built()[1]["metadata"]["ownerReferences"][0]["uid"] == "u"
    assert "ownerReferences" not in built(finalizers=("foregroundDeletion",))[1]["metadata"]


def test_a_patch_has_the_last_word_and_a_wrong_one_is_refused():
    assert built(podSpecPatch="{priorityClassName: low}")[1]["spec"]["priorityClassName"] == "low"
    with pytest.raises(SpecError, match=r"spec.artifactGC.podSpecPatch"):
        built(podSpecPatch="[")


def ended(phase: str, **state: Any) -> PodView:
    return parse_pod(json.dumps({"status": {"phase": phase, "containerStatuses": [{"name": "main", "state": {"terminated": state}}]}}))  # type: ignore[arg-type]


def test_what_it_did_is_its_termination_message():
    record, fault = collected(ended("Failed", exitCode=64, message='{"deleted":"5","errors":["x"]}')) or (None, "?")
    assert record is not None
    assert ([record.is_deleted(i) for i in range(3)], record.errors, fault) == ([True, False, True], ("x",), "")


def test_a_pod_that_left_no_record_has_deleted_nothing_and_says_why():
    outcome = collected(ended("Failed", exitCode=137, reason="OOMKilled"))
    assert outcome is not None
    assert (outcome[0].is_deleted(0), outcome[1]) == (False, "OOMKilled (exit code 137)")
    assert collected(parse_pod(b'{"status": {"phase": "Running"}}')) is None


@pytest.mark.parametrize("message", ["", "{", '{"deleted":"xyz"}', '{"deleted":5}', "[]"])
def test_a_message_that_is_no_record_is_none(message):
    assert parse_collect_record(message) is None

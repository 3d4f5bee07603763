"""Pods that tell their own progress: who reads the file, and what is read of the pod."""

import json

import pytest
from tests.unit.pods.test_build import plan

from tiphys.pods.read import read_pod
from tiphys.pods.settings import PodSettings
from tiphys.pods.view import parse_pod

FILE = "/var/run/argo/progress"
ASKS = {"container": {"image": "i", "command": ["sh", "-c", 'echo 1/2 > "$ARGO_PROGRESS_FILE"'],
                      "securityContext": {"runAsUser": 7}}}  # fmt: skip


def sidecars(made):
    return [one for one in made.pod["spec"].get("initContainers", ()) if one["name"] == "tiphys-progress"]


def test_a_pod_that_speaks_of_the_file_gets_it_named_and_read_by_the_shim_in_its_own_image():
    made = plan(ASKS)
    main, (sidecar,) = made.pod["spec"]["containers"][0], sidecars(made)
    assert {"name": "ARGO_PROGRESS_FILE", "value": FILE} in main["env"]
    assert main["command"][0] == "sh"
    assert sidecar["command"] == ["/argo-shim/shim", "progress", FILE, "3000"]
    assert (sidecar["image"], sidecar["restartPolicy"], sidecar["securityContext"]) == ("i", "Always", {"runAsUser": 7})
    for one in (main, sidecar):
        assert {"name": "var-run-argo", "mountPath": "/var/run/argo"} in one["volumeMounts"]
    assert made.needs_shim


@pytest.mark.parametrize(
    "template",
    [
        {"script": {"image": "i", "command": ["sh"], "source": f"echo 1/2 > {FILE}"}},
        {"container": {"image": "i"}, "metadata": {"annotations": {"workflows.argoproj.io/progress": "0/9"}}},
        {"containerSet": {"containers": [{"name": "main", "image": "i", "command": ["sh", "-c", f"echo > {FILE}"]}]}},
    ],
)
def test_scripts_annotations_and_container_sets_ask_too(template):
    made = plan(template)
    assert len(sidecars(made)) == 1
    assert any(entry["name"] == "ARGO_PROGRESS_FILE" for entry in made.pod["spec"]["containers"][0]["env"])


def test_who_does_not_ask_gets_nothing_and_an_interval_of_nothing_turns_it_off():
    assert not sidecars(plan({"container": {"image": "i", "command": ["true"]}}))
    assert not sidecars(plan(ASKS, PodSettings(progress_milliseconds=0)))


def test_the_folder_is_mounted_once_where_a_pause_needs_it_too():
    asks = {"container": {**ASKS["container"], "env": [{"name": "ARGO_DEBUG_PAUSE_AFTER", "value": "true"}]}}
    spec = plan(asks).pod["spec"]
    assert [m["name"] for m in spec["containers"][0]["volumeMounts"]].count("var-run-argo") == 1
    assert [volume["name"] for volume in spec["volumes"]].count("var-run-argo") == 1


def pod(status):
    meta = {"name": "p", "namespace": "n", "uid": "u", "annotations": {"workflows.argoproj.io/progress": "0/9"}}
    spec = {"containers": [{"name": "main"}], "initContainers": [{"name": "tiphys-progress", "restartPolicy": "Always"}]}
    return parse_pod(json.dumps({"metadata": meta, "spec": spec, "status": status}).encode())


def test_the_annotation_is_where_a_pod_begins_and_the_sidecars_last_word_is_where_it_ends():
    ended = {"name": "tiphys-progress", "state": {"terminated": {"exitCode": 0, "message": "5/9"}}}
    assert read_pod(pod({"phase": "Pending"})).progress == "0/9"
    assert not read_pod(pod({"phase": "Running"})).progress
    assert read_pod(pod({"phase": "Failed", "initContainerStatuses": [ended]})).progress == "5/9"

"""Pods as they are read back."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiphys.pods.read import framed_record, read_pod
from tiphys.pods.usage import quantity
from tiphys.pods.view import owner_uid, parse_pod

META = {"name": "p", "namespace": "n", "uid": "u", "annotations": {"workflows.argoproj.io/node-id": "w-1"},
        "ownerReferences": [{"kind": "Workflow", "name": "w", "uid": "wu", "controller": True}]}  # fmt: skip


def pod(status: dict[str, object], spec: dict[str, object] | None = None):
    return parse_pod(json.dumps({"metadata": META, "spec": spec or {"containers": [{"name": "main"}]}, "status": status}).encode())


def ended(name: str = "main", code: int = 0, reason: str = "Completed", message: str = "") -> dict[str, object]:
    times = {"startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:10Z"}
    return {"name": name, "state": {"terminated": {"exitCode": code, "reason": reason, "message": message, **times}}}


def waiting(reason: str, message: str = "") -> dict[str, object]:
    return {"name": "main", "state": {"waiting": {"reason": reason, "message": message}}}


@pytest.mark.parametrize(
    ("status", "phase", "message"),
    [
        ({"phase": "Pending"}, "Pending", ""),
        ({"phase": "Pending", "containerStatuses": [waiting("ImagePullBackOff", "no")]}, "Pending", "ImagePullBackOff: no"),
        ({"phase": "Pending", "conditions": [{"reason": "Unschedulable", "message": "0/1"}]}, "Pending", "Unschedulable: 0/1"),
        ({"phase": "Running"}, "Running", ""),
        ({"phase": "Succeeded", "containerStatuses": [ended()]}, "Succeeded", ""),
        ({"phase": "Failed", "containerStatuses": [ended(code=1, reason="Error")]}, "Failed", "main: Error (exit code 1)"),
        ({"phase": "Failed", "containerStatuses": [ended(code=137, reason="OOMKilled")]}, "Failed", "main: OOMKilled (exit code 137)"),
        ({"phase": "Failed", "containerStatuses": [ended(code=1, reason="Error", message="why")]}, "Failed",
         "main: Error (exit code 1): why"),
        ({"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}, "Failed",
         "The node was low on resource: memory."),
        ({"phase": "Failed", "message": "Pod was active on the node longer than the specified deadline"}, "Failed",
         "Pod was active on the node longer than the specified deadline"),
        ({"phase": "Failed", "containerStatuses": [ended(), ended("side", 1, "Error")]}, "Failed", "side: Error (exit code 1)"),
        ({"phase": "Failed", "containerStatuses": [ended(), ended("side", 143, "Error")]}, "Succeeded", ""),
        ({"phase": "Failed"}, "Failed", "can't find failed message for pod p namespace n"),
        ({"phase": "Unknown"}, "Error", "Unexpected pod phase for p: Unknown"),
    ],
)  # fmt: skip
def test_a_status_says_what_argo_would_say(status, phase, message):
    report = read_pod(pod(status))
    assert (report.phase, report.message, report.node_id) == (phase, message, "w-1")
    assert report.is_final is (phase not in ("Pending", "Running"))


def test_a_driver_that_is_deaf_to_its_end_holds_no_node_that_went_well():
    def report(main: int = 0, driver: str = "artifact-plugin-theirs", policy: str = "Always", wait: int | None = 0):
        spec = {"containers": [{"name": "wait"}, {"name": "main"}], "initContainers": [{"name": driver, "restartPolicy": policy}]}
        containers = [ended(code=main), *([ended("wait", wait)] if wait is not None else [])]
        running = {"name": driver, "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}
        return read_pod(pod({"phase": "Running", "initContainerStatuses": [running], "containerStatuses": containers}, spec))

    assert (report().phase, report().is_final, report().finished_at.second) == ("Succeeded", True, 10)
    for other in (report(main=1), report(wait=64), report(wait=None), report(driver="users-own"), report(policy="")):
        assert (other.phase, other.is_final) == ("Running", False)


def test_an_init_container_that_fails_is_named():
    status = {"phase": "Failed", "initContainerStatuses": [ended("setup", 3, "Error")], "containerStatuses": [waiting("PodInitializing")]}
    spec = {"containers": [{"name": "main"}], "initContainers": [{"name": "setup"}]}
    assert read_pod(pod(status, spec)).message == "setup: Error (exit code 3)"


def test_the_record_is_read_and_not_shown_as_a_message():
    record = '{"v":1,"exit":2,"result":"r","parameters":{"a":"b"},"missing":["c"]}'
    report = read_pod(pod({"phase": "Failed", "containerStatuses": [ended(code=2, reason="Error", message=record)]}))
    assert (report.result, report.parameters, report.missing, report.exit_code) == ("r", {"a": "b"}, ("c",), 2)
    assert report.message == "main: Error (exit code 2)"


def test_a_framed_record_is_asked_for():
    view = pod({"phase": "Succeeded", "containerStatuses": [ended(message='{"v":1,"framed":9000,"digest":"00"}')]})
    assert framed_record(view).size == 9000


def test_resources_are_counted_as_argo_counts_them():
    spec = {"containers": [{"name": "main", "resources": {"requests": {"cpu": "2", "memory": "200Mi"}}}]}
    report = read_pod(pod({"phase": "Succeeded", "containerStatuses": [ended()]}, spec))
    assert report.resources_duration == {"cpu": 20, "memory": 20}


@pytest.mark.parametrize(("text", "value"), [("100m", 0.1), ("1Ki", 1024), ("2", 2), ("1e3", 1000), ("x", 0), (3, 3)])
def test_quantities(text, value):
    assert quantity(text) == pytest.approx(value)


def test_the_owner_is_the_one_that_controls():
    assert owner_uid(pod({})) == "wu"


STATES = st.fixed_dictionaries({}, optional={"waiting": st.fixed_dictionaries({}, optional={"reason": st.text()}),
                                            "terminated": st.fixed_dictionaries({"exitCode": st.integers(-300, 300)},
                                                                                optional={"message": st.text()})})  # fmt: skip


@given(st.fixed_dictionaries({"phase": st.sampled_from(["Pending", "Running", "Succeeded", "Failed", "", "x"])}, optional={
    "message": st.text(), "reason": st.text(),
    "containerStatuses": st.lists(st.fixed_dictionaries({"name": st.sampled_from(["main", "a"]), "state": STATES}))}))
def test_no_status_breaks_the_reader(status):  # fmt: skip
    assert read_pod(pod(status)).node_id == "w-1"


WITH_WAIT = {"containers": [{"name": "wait"}, {"name": "main"}]}


@pytest.mark.parametrize(
    ("main", "record", "phase", "message", "unsaved"),
    [(0, {}, "Succeeded", "", ()), (0, {"missing": ["x"]}, "Succeeded", "", ("x",)),
     (0, {"failed": ["x"], "errors": ["x: bucket b: key k: denied"]}, "Error",
      "wait: Error (exit code 64): x: bucket b: key k: denied", ("x",)),
     (1, {"failed": ["x"], "errors": ["x: no such file"]}, "Failed", "main: Error (exit code 1)", ("x",))],
    ids=["all stored", "an optional one missing", "one not stored", "main failed, and so its output is missing"],
)  # fmt: skip
def test_what_was_stored_is_told_by_the_executor(main, record, phase, message, unsaved):
    code = 64 if record.get("errors") else 0
    statuses = [ended("wait", code, "Error" if code else "Completed", json.dumps({"saved": 1, **record})),
                ended(code=main, reason="Error" if main else "Completed")]  # fmt: skip
    report = read_pod(pod({"phase": "Failed" if main or code else "Succeeded", "containerStatuses": statuses}, WITH_WAIT))
    assert (report.phase, report.message, report.is_staged, report.unsaved) == (phase, message, True, unsaved)


def test_an_executor_that_was_killed_has_stored_nothing_that_is_known():
    statuses = [ended("wait", 137, "Error"), ended(code=143, reason="Error")]
    report = read_pod(pod({"phase": "Failed", "containerStatuses": statuses}, WITH_WAIT))
    assert (report.is_staged, report.message) == (False, "main: Error (exit code 143)")


def test_an_input_that_could_not_be_brought_is_an_error_with_its_reason():
    record = json.dumps({"failed": ["in"], "errors": ["artifact in: bucket b: key k: not found"]})
    status = {"phase": "Failed", "initContainerStatuses": [ended("init", 64, "Error", record)],
              "containerStatuses": [waiting("PodInitializing")]}  # fmt: skip
    spec = {"containers": [{"name": "main"}], "initContainers": [{"name": "init"}]}
    report = read_pod(pod(status, spec))
    assert (report.phase, report.message) == ("Error", "init: Error (exit code 64): artifact in: bucket b: key k: not found")


TEXTS = st.dictionaries(st.text(max_size=30) | st.sampled_from(["workflows.argoproj.io/node-id", "workflows.argoproj.io/progress"]), st.text())


@given(st.fixed_dictionaries({}, optional={
    "annotations": TEXTS, "labels": TEXTS, "name": st.text(), "uid": st.text(), "finalizers": st.lists(st.text()),
    "ownerReferences": st.lists(st.fixed_dictionaries({}, optional={"uid": st.text(), "controller": st.booleans(), "kind": st.text()}))}))  # fmt: skip
def test_no_metadata_of_others_breaks_the_reader(metadata):
    view = parse_pod(json.dumps({"metadata": metadata, "status": {"phase": "Running"}}).encode())
    assert read_pod(view).node_id == metadata.get("annotations", {}).get("workflows.argoproj.io/node-id", "")
    assert isinstance(owner_uid(view), str)


def test_a_log_that_nobody_keeps_is_not_said_to_be_kept():
    meta = {**META, "annotations": {**META["annotations"], "tiphys.io/logs-not-kept": "main,side"}}
    raw = json.dumps({"metadata": meta, "status": {"phase": "Succeeded", "containerStatuses": [ended()]}})
    assert read_pod(parse_pod(raw.encode())).unsaved == ("main-logs", "side-logs")

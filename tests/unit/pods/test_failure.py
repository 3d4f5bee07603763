"""Pods that did not succeed, as kubelets and controllers leave them."""

import json
from typing import Any

import pytest

from tiphys.pods.read import read_pod
from tiphys.pods.view import parse_pod
from tiphys.testing.world import START

TIMES = {"startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:10Z"}


def pod(status: dict[str, Any], *, init: list[dict[str, Any]] | None = None, deleted: bool = False):
    meta = {"name": "p", "namespace": "n", "uid": "u", "annotations": {"workflows.argoproj.io/node-id": "w-1"}}
    if deleted:
        meta["deletionTimestamp"] = "2026-01-01T00:01:00Z"
    spec = {"nodeName": "node-1", "containers": [{"name": "main"}], "initContainers": init or []}
    return parse_pod(json.dumps({"metadata": meta, "spec": spec, "status": status}).encode())


def ended(name: str = "main", code: int = 0, reason: str = "", message: str = "", at: int = 10) -> dict[str, Any]:
    times = TIMES | {"finishedAt": f"2026-01-01T00:00:{at:02d}Z"}
    reason = reason or ("Error" if code else "Completed")
    return {"name": name, "state": {"terminated": {"exitCode": code, "reason": reason, "message": message, **times}}}


def waiting(name: str, reason: str, message: str = "") -> dict[str, Any]:
    return {"name": name, "state": {"waiting": {"reason": reason, **({"message": message} if message else {})}}}


def running(name: str = "main") -> dict[str, Any]:
    return {"name": name, "state": {"running": {"startedAt": TIMES["startedAt"]}}}


PULL = 'Back-off pulling image "no/such:1": ErrImagePull: not found'
KEY = 'couldn\'t find key a in ConfigMap n/m'
SIDECAR = [{"name": "side", "restartPolicy": "Always"}]
GONE = {"type": "DisruptionTarget", "status": "True", "reason": "DeletionByPodGC", "message": "PodGC: node no longer exists"}
SHUTDOWN = {"type": "DisruptionTarget", "status": "True", "reason": "TerminationByKubelet", "message": "Pod was terminated in response to imminent node shutdown."}

CASES: dict[str, tuple[dict[str, Any], tuple[str, str, bool]]] = {
    "out of memory": ({"phase": "Failed", "containerStatuses": [ended(code=137, reason="OOMKilled")]},
                      ("Failed", "main: OOMKilled (exit code 137)", False)),
    "evicted before it started": ({"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory. "},
                                  ("Failed", "The node was low on resource: memory. ", True)),
    "evicted while it ran": ({"phase": "Failed", "reason": "Evicted", "message": "Pod ephemeral local storage usage exceeds the total limit of containers 1Mi. ",
                              "containerStatuses": [ended(code=137)]},
                             ("Failed", "Pod ephemeral local storage usage exceeds the total limit of containers 1Mi. ", True)),
    "deadline": ({"phase": "Failed", "reason": "DeadlineExceeded", "message": "Pod was active on the node longer than the specified deadline",
                  "containerStatuses": [ended(code=137)]},
                 ("Failed", "Pod was active on the node longer than the specified deadline", False)),
    "node shut down": ({"phase": "Failed", "reason": "Terminated", "message": "Pod was terminated in response to imminent node shutdown.",
                        "conditions": [SHUTDOWN], "containerStatuses": [ended(code=143)]},
                       ("Failed", "Pod was terminated in response to imminent node shutdown.", True)),
    "refused by the kubelet": ({"phase": "Failed", "reason": "UnexpectedAdmissionError", "message": "Pod was rejected: Allocate failed"},
                               ("Failed", "Pod was rejected: Allocate failed", True)),
    "no room after all": ({"phase": "Failed", "reason": "OutOfcpu", "message": "Pod was rejected: Node didn't have enough resource: cpu"},
                          ("Failed", "Pod was rejected: Node didn't have enough resource: cpu", True)),
    "node gone": ({"phase": "Failed", "conditions": [GONE], "containerStatuses": [running()]},
                  ("Error", "pod deleted: PodGC: node no longer exists", True)),
    "nothing known": ({"phase": "Failed"}, ("Failed", "can't find failed message for pod p namespace n", False)),
    "exit code": ({"phase": "Failed", "containerStatuses": [ended(code=3, message="why\n")]}, ("Failed", "main: Error (exit code 3): why", False)),
    "could not run": ({"phase": "Failed", "containerStatuses": [ended(code=128, reason="StartError", message="exec: no such file")]},
                      ("Failed", "main: StartError (exit code 128): exec: no such file", False)),
    "killed": ({"phase": "Failed", "containerStatuses": [ended(code=137)]}, ("Failed", "main: Error (exit code 137)", False)),
    "terminated": ({"phase": "Failed", "containerStatuses": [ended(code=143)]}, ("Failed", "main: Error (exit code 143)", False)),
    "init container failed": ({"phase": "Failed", "initContainerStatuses": [ended("setup", 3)], "containerStatuses": [waiting("main", "PodInitializing")]},
                              ("Failed", "setup: Error (exit code 3)", False)),
    "argo's init container failed": ({"phase": "Failed", "initContainerStatuses": [ended("init", 64, message="no such key")],
                                      "containerStatuses": [waiting("main", "PodInitializing")]},
                                     ("Error", "init: Error (exit code 64): no such key", False)),
    "init container was killed": ({"phase": "Failed", "initContainerStatuses": [ended("setup", 137)],
                                   "containerStatuses": [waiting("main", "PodInitializing")]},
                                  ("Error", "Pod failed before main container starts due to PodInitializing: ", False)),
    "saving failed": ({"phase": "Failed", "containerStatuses": [ended("wait", 64, message="bucket"), ended()]},
                      ("Error", "wait: Error (exit code 64): bucket", False)),
    "supervisor failed before main": ({"phase": "Failed", "containerStatuses": [ended("supervisor", 64, message="load"), ended(code=65)]},
                                      ("Error", "supervisor: Error (exit code 64): load", False)),
    "main before wait": ({"phase": "Failed", "containerStatuses": [ended("wait", 64), ended(code=1)]}, ("Failed", "main: Error (exit code 1)", False)),
    "wait did not end": ({"phase": "Failed", "containerStatuses": [running("wait"), ended()]},
                         ("Failed", "pod failed: wait container did not complete successfully", False)),
    "main did not end": ({"phase": "Failed", "containerStatuses": [ended("wait"), running()]},
                         ("Failed", "pod failed: main container did not complete successfully", False)),
    "nobody ended": ({"phase": "Failed", "containerStatuses": [running("wait"), running()]},
                     ("Failed", "pod failed: neither main nor wait container completed successfully", False)),
    "another container failed": ({"phase": "Failed", "containerStatuses": [ended(), ended("injected", 1)]}, ("Failed", "injected: Error (exit code 1)", False)),
    "another container was killed": ({"phase": "Failed", "containerStatuses": [ended(), ended("injected", 137)]}, ("Succeeded", "", False)),
    "image cannot be pulled": ({"phase": "Pending", "containerStatuses": [waiting("main", "ImagePullBackOff", PULL)]},
                               ("Pending", f"ImagePullBackOff: {PULL}", False)),
    "image is pulled": ({"phase": "Pending", "containerStatuses": [waiting("main", "ErrImagePull", "e")]}, ("Pending", "ErrImagePull: e", False)),
    "name is no image's": ({"phase": "Pending", "containerStatuses": [waiting("main", "InvalidImageName", "e")]}, ("Pending", "InvalidImageName: e", False)),
    "configuration is wrong": ({"phase": "Pending", "containerStatuses": [waiting("main", "CreateContainerConfigError", KEY)]},
                               ("Pending", f"CreateContainerConfigError: {KEY}", False)),
    "starting": ({"phase": "Pending", "containerStatuses": [waiting("main", "ContainerCreating")]}, ("Pending", "ContainerCreating", False)),
    "sidecar cannot start": ({"phase": "Pending", "initContainerStatuses": [waiting("side", "ErrImagePull", "e")],
                              "containerStatuses": [waiting("main", "PodInitializing")]}, ("Pending", "ErrImagePull: e", False)),
    "no node fits": ({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                                                          "message": "0/1 nodes are available: 1 Insufficient cpu."}]},
                     ("Pending", "Unschedulable: 0/1 nodes are available: 1 Insufficient cpu.", False)),
    "node is lost": ({"phase": "Running", "reason": "NodeLost", "message": "Node node-1 which was running pod p is unresponsive",
                      "containerStatuses": [running()]}, ("Running", "Node node-1 which was running pod p is unresponsive", False)),
    "unknown": ({"phase": "Unknown"}, ("Error", "Unexpected pod phase for p: Unknown", False)),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_pod_is_read_as_argo_reads_it(case):
    status, expected = CASES[case]
    init = [{"name": one["name"]} for one in status.get("initContainerStatuses", ())]
    report = read_pod(pod(status, init=init))
    assert (report.phase, report.message, report.is_infrastructure) == expected
    assert report.is_final is (report.phase not in ("Pending", "Running"))


def test_a_deleted_pod_whose_program_was_killed_is_the_clusters_doing():
    status = {"phase": "Failed", "containerStatuses": [ended(code=137)]}
    assert read_pod(pod(status, deleted=True)).is_infrastructure
    assert not read_pod(pod({"phase": "Failed", "containerStatuses": [ended(code=1)]}, deleted=True)).is_infrastructure
    assert read_pod(pod(status)).exit_code == 137


def test_a_deleted_pod_that_succeeded_has_succeeded():
    report = read_pod(pod({"phase": "Succeeded", "containerStatuses": [ended()]}, deleted=True))
    assert (report.phase, report.is_infrastructure, report.is_final) == ("Succeeded", False, True)


@pytest.mark.parametrize(
    ("sidecar", "phase", "message"),
    [
        (ended("side", 0), "Succeeded", ""),
        (ended("side", 1, at=5), "Failed", "side: Error (exit code 1)"),
        (ended("side", 1, at=11), "Succeeded", ""),
        (ended("side", 143, at=11), "Succeeded", ""),
        (ended("side", 137, at=5), "Succeeded", ""),
        (running("side") | {"lastState": ended("side", 2, at=3)["state"]}, "Failed", "side: Error (exit code 2)"),
        (running("side") | {"lastState": ended("side", 0, at=3)["state"]}, "Succeeded", ""),
        (ended("side", 3, message='{"v":1,"exit":3,"held":true}', at=11), "Failed", "side: Error (exit code 3)"),
        (ended("side", 3, message='{"v":1,"exit":3}', at=9), "Succeeded", ""),
        (ended("side", 0, message='{"v":1,"exit":0,"held":true}', at=11), "Succeeded", ""),
    ],
)
def test_a_sidecar_fails_the_step_only_if_it_failed_before_main_ended(sidecar, phase, message):
    status = {"phase": "Succeeded", "initContainerStatuses": [sidecar], "containerStatuses": [ended()]}
    report = read_pod(pod(status, init=SIDECAR))
    assert (report.phase, report.message) == (phase, message)


def test_main_explains_a_failure_before_a_sidecar_does():
    status = {"phase": "Failed", "initContainerStatuses": [ended("side", 2, at=5)], "containerStatuses": [ended(code=1)]}
    assert read_pod(pod(status, init=SIDECAR)).message == "main: Error (exit code 1)"


def test_only_a_pod_whose_program_never_started_may_be_made_again():
    evicted = {"phase": "Failed", "reason": "Evicted", "message": "low on memory"}
    assert read_pod(pod(evicted)).restart_reason == "Evicted: low on memory"
    assert read_pod(pod(evicted | {"containerStatuses": [waiting("main", "PodInitializing")]})).restart_reason
    assert not read_pod(pod(evicted | {"containerStatuses": [ended(code=137)]})).restart_reason
    assert not read_pod(pod({"phase": "Failed", "reason": "DeadlineExceeded", "message": "m"})).restart_reason
    assert not read_pod(pod({"phase": "Pending", "reason": "Evicted"})).restart_reason


def test_the_end_is_when_the_last_container_ended():
    status = {"phase": "Failed", "containerStatuses": [ended(code=1, at=7), ended("other", at=9)]}
    assert read_pod(pod(status)).finished_at == START.replace(second=9)


def test_a_sidecar_that_fails_again_and_again_fails_the_step_that_never_begins():
    looping = waiting("side", "CrashLoopBackOff", "back-off 10s") | {"lastState": ended("side", 3)["state"]}
    status = {"phase": "Pending", "initContainerStatuses": [looping], "containerStatuses": [waiting("main", "PodInitializing")]}
    report = read_pod(pod(status, init=SIDECAR))
    assert (report.phase, report.message, report.is_final) == ("Failed", "side: Error (exit code 3)", True)
    once = looping | {"lastState": ended("side", 0)["state"]}
    report = read_pod(pod(status | {"initContainerStatuses": [once]}, init=SIDECAR))
    assert (report.phase, report.message) == ("Pending", "CrashLoopBackOff: back-off 10s")

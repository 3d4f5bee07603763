"""When what is decided is written, and which pods are a workflow's own."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from tiphys.controller.live import IDLE_INTERVAL, WRITE_INTERVAL, Live
from tiphys.model.workflow import Workflow
from tiphys.pods.view import PodView, parse_pod
from tiphys.testing.world import workflow_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SPEC = "{entrypoint: main, templates: [{name: main, suspend: {}}]}"


def workflow(version: str = "7") -> Workflow:
    found = workflow_of(SPEC, "w")
    meta = msgspec.structs.replace(found.metadata, namespace="ns", uid="u", resource_version=version)
    return msgspec.structs.replace(found, metadata=meta)


def live() -> Live:
    return Live(workflow())


def node(**fields: Any) -> dict[str, Any]:
    return {"status": {"nodes": {"w-1": fields}}}


def due(*patches: dict[str, Any]) -> float:
    """Seconds until the patches are written, just after a write."""
    one = live()
    one.last_write = NOW
    for patch in patches:
        one.add_patch(patch)
    return one.due(NOW)


def test_the_first_write_is_due_at_once() -> None:
    one = live()
    one.add_patch(node(phase="Pending"))
    assert one.due(NOW) == 0


@pytest.mark.parametrize("phase", ["Running", "Succeeded"])
def test_a_phase_of_the_workflow_is_written_at_once(phase: str) -> None:
    assert due({"status": {"phase": phase}}) == 0


def test_a_phase_of_a_node_waits_a_little() -> None:
    assert due(node(phase="Running", message=None)) == WRITE_INTERVAL.total_seconds()


@pytest.mark.parametrize(
    "fields", [{"hostNodeName": "n"}, {"message": "ContainerCreating"}, {"message": None}, {"message": "PodInitializing", "hostNodeName": "n"}]
)
def test_what_nobody_waits_for_waits_long(fields: dict[str, Any]) -> None:
    assert due(node(**fields)) == IDLE_INTERVAL.total_seconds()


def test_progress_that_a_program_reports_is_waited_for() -> None:
    assert due(node(progress="50/100")) == WRITE_INTERVAL.total_seconds()


def test_what_is_wrong_does_not_wait_for_what_nobody_waits_for() -> None:
    assert due(node(message="ContainerCreating"), node(message="ErrImagePull: no such image")) == WRITE_INTERVAL.total_seconds()


def test_patches_join_and_nulls_are_kept() -> None:
    one = live()
    one.add_patch(node(phase="Pending", message="x"))
    one.add_patch({"status": {"nodes": {"w-1": {"message": None}, "w-2": {"phase": "Running"}}}})
    patch, is_ending = one.take_patch()
    assert patch == {"status": {"nodes": {"w-1": {"phase": "Pending", "message": None}, "w-2": {"phase": "Running"}}}}
    assert not is_ending
    assert one.patch == {}


def test_versions_that_are_not_newer_are_old() -> None:
    one = live()
    assert one.is_old("7")
    assert one.is_old("6")
    assert not one.is_old("10")
    assert not one.is_old("opaque")


def pod(name: str, node_id: str) -> PodView:
    meta = {"name": name, "annotations": {"workflows.argoproj.io/node-id": node_id}}
    return parse_pod(msgspec.json.encode({"metadata": meta}))


@pytest.mark.parametrize(
    ("key", "node_id", "expected"),
    [
        ("ns/w-main-123", "w-123", True),
        ("ns/w", "w", True),
        ("ns/w-123", "w-123", True),
        ("other/w-main-123", "w-123", False),
        ("ns/w-main-124", "w-123", False),
        ("ns/stranger-123", "w-123", False),
    ],
)
def test_a_pod_is_ours_by_its_place_and_name(key: str, node_id: str, expected: bool) -> None:
    assert live().owns(key, pod(key.partition("/")[2], node_id)) is expected


def test_a_run_that_is_forgotten_leaves_nothing_to_write() -> None:
    one = live()
    one.add_patch({"status": {"phase": "Succeeded"}})
    one.last_write = NOW - timedelta(seconds=1)
    one.forget_run(workflow("9"))
    assert (one.patch, one.version, one.is_urgent, one.is_ending, one.needs_restore) == ({}, "9", False, False, True)


def test_a_pod_from_before_a_retry_that_is_being_deleted_is_none_of_the_run_s() -> None:
    retried = workflow()
    one = Live(msgspec.structs.replace(retried, status=msgspec.structs.replace(retried.status, started_at=NOW)))

    def made(seconds: int, **meta: str) -> PodView:
        created = (NOW + timedelta(seconds=seconds)).isoformat()
        known = {"name": "w", "annotations": {"workflows.argoproj.io/node-id": "w"}, "creationTimestamp": created, **meta}
        return parse_pod(msgspec.json.encode({"metadata": known}))

    assert not one.owns("ns/w", made(-60, deletionTimestamp=NOW.isoformat()))
    assert one.owns("ns/w", made(-60))
    assert one.owns("ns/w", made(1, deletionTimestamp=NOW.isoformat()))

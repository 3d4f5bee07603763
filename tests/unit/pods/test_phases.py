"""What a pod went through."""

import json
from datetime import UTC, datetime
from typing import Any

from tiphys.pods.phases import pod_phases
from tiphys.pods.view import PodView, parse_pod


def at(seconds: int) -> str:
    return f"2026-01-01T00:00:{seconds:02}Z"


def ran(name: str, began: int, ended: int | None, code: int = 0) -> dict[str, Any]:
    times = {"startedAt": at(began)}
    over = {"terminated": {"exitCode": code, "reason": "Error" if code else "Completed", "finishedAt": at(ended or 0), **times}}
    return {"name": name, "state": over if ended is not None else {"running": times}}


def pod(*containers: dict[str, Any], inits: tuple[dict[str, Any], ...] = (), scheduled: int | None = 1) -> PodView:
    condition = {"type": "PodScheduled", "status": "True" if scheduled else "False", "lastTransitionTime": at(scheduled or 0)}
    status = {"conditions": [condition], "containerStatuses": containers, "initContainerStatuses": inits}
    return parse_pod(json.dumps({"metadata": {"name": "p", "creationTimestamp": at(0)}, "status": status}).encode())


def told(one: PodView) -> list[tuple[str, str, int, int | None]]:
    start = datetime(2026, 1, 1, tzinfo=UTC)

    def seconds(when: datetime | None) -> int | None:
        return None if when is None else int((when - start).total_seconds())

    return [(phase.name, phase.container, seconds(phase.began) or 0, seconds(phase.ended)) for phase in pod_phases(one)]


def test_a_pod_is_scheduled_prepared_and_run_container_by_container():
    inits = (ran("wait", 4, 20), ran("init", 2, 3), ran("own", 4, 5, 3))
    assert told(pod(ran("main", 6, 19), ran("side", 7, None), inits=inits)) == [
        ("podScheduling", "", 0, 1),
        ("podPreparing", "", 1, 2),
        ("runInitContainer", "init", 2, 3),
        ("runWaitContainer", "wait", 4, 20),
        ("runContainer", "own", 4, 5),
        ("runMainContainer", "main", 6, 19),
        ("runContainer", "side", 7, None),
    ]


def test_a_pod_that_found_no_host_is_being_scheduled():
    assert told(pod(scheduled=None)) == [("podScheduling", "", 0, None)]


def test_a_container_that_never_ran_has_no_run():
    never = {"name": "main", "state": {"waiting": {"reason": "ImagePullBackOff"}}}
    assert told(pod(never)) == [("podScheduling", "", 0, 1), ("podPreparing", "", 1, None)]


def test_a_container_that_failed_says_so():
    failed = pod_phases(pod(ran("main", 2, 3, 7)))[-1]
    assert (failed.exit_code, failed.message) == (7, "Error")

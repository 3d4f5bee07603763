"""`template`, `cluster-template` and `cron` against the small API server, as users call them."""

import contextlib
import json
import pathlib
import threading
from collections.abc import Callable, Iterator

import pytest
import yaml

from tiphys.cli.app import run
from tiphys.testing.apiserver import APIServer

TEMPLATE = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "WorkflowTemplate",
    "metadata": {"name": "hello"},
    "spec": {"entrypoint": "main", "templates": [{"name": "main", "container": {"image": "x", "command": ["x"]}}]},
}
CRON = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "CronWorkflow",
    "metadata": {"name": "nightly"},
    "spec": {"schedules": ["0 3 * * *"], "timezone": "Europe/Paris", "workflowSpec": TEMPLATE["spec"]},
}


@contextlib.contextmanager
def served() -> Iterator[str]:
    """A server in a thread and loop of its own, since commands bring a loop of theirs; its address."""
    import asyncio

    loop = asyncio.new_event_loop()
    stop, address, ready = asyncio.Event(), [""], threading.Event()

    async def main() -> None:
        async with APIServer() as server:
            address[0] = server.address
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(main()))
    thread.start()
    ready.wait(60)
    try:
        yield address[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()


Tiphys = Callable[..., str]


@pytest.fixture
def tiphys(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Tiphys]:
    with served() as address:
        config = {
            "current-context": "x",
            "contexts": [{"name": "x", "context": {"cluster": "x", "namespace": "argo"}}],
            "clusters": [{"name": "x", "cluster": {"server": address}}],
        }
        path = tmp_path / "kubeconfig"
        path.write_text(yaml.safe_dump(config))

        def call(*arguments: str, code: int = 0) -> str:
            capsys.readouterr()
            got = run([*arguments, "--kubeconfig", str(path)])
            said = capsys.readouterr()
            assert got == code, said.err + said.out
            return said.out + said.err

        yield call


def written(tmp_path: pathlib.Path, one: object) -> str:
    path = tmp_path / "manifest.yaml"
    path.write_text(yaml.safe_dump(one))
    return str(path)


def test_a_template_lives_through_all_verbs(tiphys: Tiphys, tmp_path: pathlib.Path) -> None:
    file = written(tmp_path, TEMPLATE)
    assert "Name:" in tiphys("template", "create", file)
    assert "already exists" in tiphys("template", "create", file, code=1)
    assert tiphys("template", "list").split() == ["NAME", "hello"]
    assert tiphys("template", "list", "-A", "-o", "name").split() == ["hello"]
    changed = {**TEMPLATE, "metadata": {"name": "hello", "labels": {"a": "b"}}, "spec": {**TEMPLATE["spec"], "parallelism": 3}}  # type: ignore[dict-item]
    tiphys("template", "update", written(tmp_path, changed))
    stored = json.loads(tiphys("template", "get", "hello", "-o", "json"))
    assert (stored["spec"]["parallelism"], stored["metadata"]["labels"]) == (3, {"a": "b"})
    tiphys("template", "apply", written(tmp_path, TEMPLATE))
    assert "parallelism" not in json.loads(tiphys("template", "get", "hello", "-o", "json"))["spec"]
    assert tiphys("template", "delete", "hello").strip() == "WorkflowTemplate 'hello' deleted"
    assert tiphys("template", "list").strip() == "No workflow template found"
    assert "not found" in tiphys("template", "get", "hello", code=1)


def test_updating_what_is_not_stored_is_an_error_and_applying_creates_it(tiphys: Tiphys, tmp_path: pathlib.Path) -> None:
    file = written(tmp_path, TEMPLATE)
    assert "not found" in tiphys("template", "update", file, code=1)
    tiphys("template", "apply", file)
    assert tiphys("template", "list", "-o", "name").split() == ["hello"]


def test_a_template_with_faults_is_not_created(tiphys: Tiphys, tmp_path: pathlib.Path) -> None:
    broken = {**TEMPLATE, "spec": {"entrypoint": "mian", "templates": TEMPLATE["spec"]["templates"], "colour": 1}}  # type: ignore[index]
    said = tiphys("template", "create", written(tmp_path, broken), code=1)
    assert "unknown field 'colour'" in said
    assert "did you mean 'main'?" in said
    assert tiphys("template", "list").strip() == "No workflow template found"


def test_a_template_of_the_cluster_has_no_namespace(tiphys: Tiphys, tmp_path: pathlib.Path) -> None:
    tiphys("cluster-template", "create", written(tmp_path, {**TEMPLATE, "kind": "ClusterWorkflowTemplate"}))
    assert tiphys("cluster-template", "list").split() == ["NAME", "hello"]
    assert "Namespace" not in tiphys("cluster-template", "get", "hello")
    tiphys("cluster-template", "delete", "--all")
    assert tiphys("cluster-template", "list").strip() == "No cluster workflow template found"


def test_a_schedule_is_listed_suspended_resumed_and_shown(tiphys: Tiphys, tmp_path: pathlib.Path) -> None:
    tiphys("cron", "create", written(tmp_path, CRON))
    heading, row = tiphys("cron", "list").splitlines()
    assert heading.split() == ["NAME", "AGE", "LAST", "RUN", "NEXT", "RUN", "SCHEDULES", "TIMEZONE", "SUSPENDED"]
    assert row.split()[-7:] == ["0", "3", "*", "*", "*", "Europe/Paris", "false"]
    assert tiphys("cron", "suspend", "nightly").strip() == "CronWorkflow 'nightly' suspended"
    shown = tiphys("cron", "get", "nightly")
    assert "Suspended:                  true" in shown
    assert "NextScheduledTime:" in shown
    tiphys("cron", "resume", "nightly")
    assert json.loads(tiphys("cron", "get", "nightly", "-o", "json"))["spec"]["suspend"] is False


def test_a_backfill_lists_its_slots_and_refuses_too_many(tiphys: Tiphys, tmp_path: pathlib.Path) -> None:
    tiphys("cron", "create", written(tmp_path, CRON))
    span = ("--start", "2026-11-01T02:00:00Z", "--end", "2026-11-03T12:00:00Z")
    listed = tiphys("cron", "backfill", "nightly", *span, "--dry-run").split()
    assert listed[1::2] == ["2026-11-01T02:00:00Z", "2026-11-02T02:00:00Z", "2026-11-03T02:00:00Z"]
    assert "3 slots, but" in tiphys("cron", "backfill", "nightly", *span, "--max-workflow-count", "2", code=1)
    assert "is no time" in tiphys("cron", "backfill", "nightly", "--start", "yesterday", code=1)


def test_a_schedule_is_stored_with_what_the_command_line_adds(tiphys: Tiphys, tmp_path: pathlib.Path) -> None:
    file = written(tmp_path, CRON)
    added = ("--entrypoint", "main", "--serviceaccount", "runner", "-l", "team=a", "-p", "day=1", "--schedule", "5 4 * * *")
    tiphys("cron", "create", file, "--name", "early", *added)
    stored = json.loads(tiphys("cron", "get", "early", "-o", "json"))
    assert stored["metadata"]["labels"] == {"team": "a"}
    assert stored["spec"]["schedules"] == ["5 4 * * *"]
    inner = stored["spec"]["workflowSpec"]
    assert (inner["entrypoint"], inner["serviceAccountName"]) == ("main", "runner")
    assert inner["arguments"]["parameters"] == [{"name": "day", "value": "1"}]
    tiphys("cron", "update", file, "--name", "early", "-p", "day=2", "--schedule", "6 4 * * *")
    changed = json.loads(tiphys("cron", "get", "early", "-o", "json"))["spec"]
    assert changed["workflowSpec"]["arguments"]["parameters"] == [{"name": "day", "value": "2"}]
    assert changed["schedules"] == ["6 4 * * *"]
    assert json.loads(tiphys("cron", "create", file, "--generate-name", "made-", "-o", "json"))["metadata"]["name"].startswith("made-")
    assert "expected exactly 5 fields" in tiphys("cron", "create", file, "--name", "wrong", "--schedule", "never", code=1)

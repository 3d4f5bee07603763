"""Every method of two clients that users have, the PyPI `argo-workflows` SDK and Hera's service, called against one server.

Which methods there are the clients say themselves: one that is new in them and not called here fails.
"""

import asyncio
import importlib
import inspect
import pkgutil
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import argo_workflows
import argo_workflows.api
import msgspec
import pytest
from hera.workflows import WorkflowsService
from tests.integration.server.serving import ARGO, SPEC, Served, running

from tiphys.archive.database import Database
from tiphys.archive.locks import lock_tables
from tiphys.archive.store import SqlArchive
from tiphys.archive.target import Target
from tiphys.cluster.connection import Access
from tiphys.local import paths
from tiphys.local.objects import Place
from tiphys.model.archived import to_archive
from tiphys.model.parse import parse_as
from tiphys.server.kept import Kept, Settled
from tiphys.server.subject import Gate
from tiphys.settings.configuration import Configuration
from tiphys.settings.database import Persistence, Synchronization
from tiphys.testing.apiserver import APIServer
from tiphys.testing.apiserver.kubelet import Ending
from tiphys.testing.apiserver.rights import User

Json = dict[str, Any]
REPOSITORY = {"s3": {"endpoint": "this-machine", "bucket": "b"}}
CONTENT = b"what was kept\n"
FOREIGN = (("eventsources", "EventSource"), ("sensors", "Sensor"))
HELD: Json = {"entrypoint": "main", "templates": [{"name": "main", "suspend": {}}]}


def workflow(name: str, phase: str, kind: str = "Pod", spec: Json = SPEC) -> Json:
    artifact = {"name": "a", "s3": {"key": "a.txt"}}
    node: Json = {"id": name, "name": name, "displayName": name, "type": kind, "phase": phase, "templateName": "main"}
    node |= {"inputs": {"artifacts": [artifact]}, "outputs": {"artifacts": [artifact]}} if kind == "Pod" else {}
    ended = {"startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:01:00Z"} if phase != "Running" else {}
    known = {"artifactRepositoryRef": {"default": True, "artifactRepository": REPOSITORY}}
    status = {"phase": phase, "nodes": {name: {**node, **ended}}, **ended, **known}
    return {"metadata": {"name": name, "namespace": "ns", "labels": {"word": name}}, "spec": spec, "status": status}


@pytest.fixture
async def world(tmp_path: Path, migrated: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    """All that the methods need: an archive, a store, limits, Argo Events' kinds, workflows in every state."""
    monkeypatch.setenv("TIPHYS_LOCAL_ARTIFACTS", str(tmp_path))
    (tmp_path / "b").mkdir()
    (tmp_path / "b/a.txt").write_bytes(CONTENT)
    for plural, kind in FOREIGN:
        monkeypatch.setitem(paths.RESOURCES, (ARGO, plural), (kind, True))
    target = Target(kind="sqlite", name=str(shutil.copy(migrated, tmp_path)))
    database, said = Database(target), Synchronization(enable_api=True)
    async with database.transaction() as connection:
        await connection.run_sync(lock_tables(said).metadata.create_all)
    configuration = parse_as(Configuration, {"artifactRepository": REPOSITORY})
    settled = Settled(_with(configuration, said), target, target)

    async def ask() -> Settled:
        return settled

    archive = SqlArchive(database)
    for name, phase in (("old", "Succeeded"), ("retried", "Failed")):
        kept = workflow(name, phase)
        kept["metadata"] |= {"uid": f"uid-{name}", "creationTimestamp": "2026-01-01T00:00:00Z"}
        await archive.save(to_archive(kept))
    async with APIServer() as cluster:
        cluster.users.add("secret", User("somebody", lambda *_: True))
        await _fill(cluster)
        gate = Gate(access=Access(server=cluster.address), modes=frozenset({"client"}))
        async with running(cluster, gate, Kept(ask)) as served:
            yield served
    await database.close()


def _with(configuration: Configuration, said: Synchronization) -> Configuration:
    return msgspec.structs.replace(configuration, persistence=Persistence(archive=True), synchronization=said)


async def _fill(cluster: APIServer) -> None:
    cluster.kubelet.behave = lambda _pod: Ending(log=b"hello\n")
    place = Place("api/v1", "pods", "ns", "done")
    cluster.store.create(place, {"metadata": {"name": "done"}, "spec": {"containers": [{"name": "main"}]}})
    while cluster.store.read(place).get("status", {}).get("phase") != "Succeeded":
        await cluster.store.changed.wait()
    for name, phase in (("done", "Succeeded"), ("failed", "Failed")):
        cluster.store.create(Place(ARGO, "workflows", "ns", name), workflow(name, phase))
    for name in ("held", "stopped", "ended"):
        cluster.store.create(Place(ARGO, "workflows", "ns", name), workflow(name, "Running", "Suspend", HELD))
    event = {"metadata": {"name": "e"}, "involvedObject": {"kind": "Workflow", "name": "done"}, "reason": "WorkflowSucceeded", "type": "Normal"}
    cluster.store.create(Place("api/v1", "events", "ns", "e"), event)


def _objects(one: str, many: str, place: Json, spec: Json, key: str) -> list[tuple[str, Json]]:
    """What is done with a kind: made, linted, read, listed, changed."""
    made = {"metadata": {"name": "x"}, "spec": spec}
    return [(f"create_{one}", {**place, "body": {key: made}}), (f"lint_{one}", {**place, "body": {key: made}}), (f"get_{one}", {**place, "name": "x"}),
            (f"list_{many}", place), (f"update_{one}", {**place, "name": "x", "body": {key: made}})]  # fmt: skip


NS: Json = {"namespace": "ns"}
NODE: Json = {"node_id": "done", "artifact_name": "a"}
LIMIT: Json = {"cmName": "limits", "key": "k", "limit": 2, "type": "CONFIGMAP", "namespace": "ns"}
LABEL: Json = {"list_options_label_selector": "word"}
FROM_T: Json = {"resourceKind": "WorkflowTemplate", "resourceName": "x", "submitOptions": {"name": "from-x"}}


def _of(name: str, **said: Any) -> Json:
    return {**NS, "name": name, "body": {"name": name, "namespace": "ns", **said}}


def _foreign(one: str, many: str, key: str) -> list[tuple[str, Json]]:
    steps = [step for step in _objects(one, many, NS, {}, key) if not step[0].startswith("lint")]
    watched = [(f"watch_{many}", NS | {"list_options_resource_version": "0"}), (f"{many}_logs", {**NS, "name": "x"})]
    return [*steps, *watched, (f"delete_{one}", {**NS, "name": "x"})]


STEPS: list[tuple[str, Json]] = [
    ("get_version", {}), ("get_info", {}), ("get_user_info", {}), ("collect_event", {"body": {"name": "clicked"}}),
    *_objects("workflow_template", "workflow_templates", NS, SPEC, "template"),
    *_objects("cluster_workflow_template", "cluster_workflow_templates", {}, SPEC, "template"),
    *_objects("cron_workflow", "cron_workflows", NS, {"schedules": ["* * * * *"], "workflowSpec": SPEC}, "cronWorkflow"),
    ("suspend_cron_workflow", _of("x")), ("resume_cron_workflow", _of("x")),
    ("create_workflow", {**NS, "body": {"workflow": {"metadata": {"name": "made"}, "spec": SPEC}}}),
    ("lint_workflow", {**NS, "body": {"workflow": {"metadata": {"name": "linted"}, "spec": SPEC}}}),
    ("submit_workflow", {**NS, "body": {**FROM_T, "namespace": "ns"}}), ("get_workflow", {**NS, "name": "from-x"}), ("list_workflows", NS),
    ("watch_workflows", NS | {"list_options_resource_version": "0"}), ("watch_events", NS | {"list_options_resource_version": "0"}),
    ("workflow_logs", {**NS, "name": "done"}), ("pod_logs", {**NS, "name": "done", "pod_name": "done"}),
    ("suspend_workflow", _of("made")), ("resume_workflow", _of("made")), ("stop_workflow", _of("stopped")), ("terminate_workflow", _of("ended")),
    ("set_workflow", _of("held", nodeFieldSelector="name=held", phase="Succeeded")), ("resubmit_workflow", _of("failed")), ("retry_workflow", _of("failed")),
    ("get_artifact_file", {**NS, "id_discriminator": "archived-workflows", "id": "uid-old", "node_id": "old", "artifact_name": "a", "artifact_discriminator": "outputs"}),
    ("get_artifact_file", {**NS, **NODE, "id_discriminator": "workflow", "id": "done", "artifact_discriminator": "outputs"}),
    ("get_output_artifact", {**NS, **NODE, "name": "done"}), ("get_input_artifact", {**NS, **NODE, "name": "done"}),
    ("get_output_artifact_by_uid", {**NODE, "node_id": "old", "uid": "uid-old"}), ("get_input_artifact_by_uid", {**NODE, "node_id": "old", "uid": "uid-old"}),
    ("list_archived_workflows", NS), ("get_archived_workflow", {"uid": "uid-old"}), ("list_archived_workflow_label_keys", NS),
    ("list_archived_workflow_label_values", NS | LABEL), ("retry_archived_workflow", {"uid": "uid-retried", "body": {"uid": "uid-retried", "namespace": "ns"}}),
    ("resubmit_archived_workflow", {"uid": "uid-old", "body": {"uid": "uid-old", "namespace": "ns"}}), ("delete_archived_workflow", {"uid": "uid-old"}),
    ("create_sync_limit", {**NS, "body": LIMIT}), ("get_sync_limit", {**NS, "key": "k", "cm_name": "limits"}),
    ("update_sync_limit", {**NS, "key": "k", "body": {**LIMIT, "limit": 3}}), ("delete_sync_limit", {**NS, "key": "k", "cm_name": "limits"}),
    ("list_workflow_event_bindings", NS), ("receive_event", {**NS, "discriminator": "d", "body": {"said": 1}}),
    *_foreign("event_source", "event_sources", "eventSource"), *_foreign("sensor", "sensors", "sensor"),
    ("delete_cron_workflow", {**NS, "name": "x"}), ("delete_workflow_template", {**NS, "name": "x"}), ("delete_cluster_workflow_template", {"name": "x"}),
    ("delete_workflow", {**NS, "name": "made"}),
]  # fmt: skip
"""Methods as the SDK calls them, in an order in which each finds what it needs."""
ARTIFACTS = {"get_artifact_file", "get_output_artifact", "get_input_artifact", "get_output_artifact_by_uid", "get_input_artifact_by_uid"}


class Method:
    """One of the SDK's."""

    def __init__(self, call: Callable[..., Any], types: dict[str, tuple[Any, ...]]) -> None:
        self._call, self._types = call, types

    def __call__(self, body: Json | None = None, **said: Any) -> Any:
        """Its parts are plain JSON, as its users say them: its own types are of an older Argo."""
        if body is not None:
            kind = self._types["body"][0]
            snake = {"".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in key): text for key, text in body.items()}
            said["body"] = kind(**snake, _check_type=False) if hasattr(kind, "openapi_types") else body
        return self._call(**said, _check_return_type=False)


def _sdk(address: str) -> dict[str, Method]:
    configuration = argo_workflows.Configuration(host=address)
    configuration.api_key["BearerToken"] = "Bearer secret"
    client = argo_workflows.ApiClient(configuration)
    found: dict[str, Method] = {}
    for module in pkgutil.iter_modules(argo_workflows.api.__path__):
        for name, one in vars(importlib.import_module(f"argo_workflows.api.{module.name}")).items():
            if inspect.isclass(one) and name.endswith("Api"):
                made = one(client)
                for known, endpoint in vars(made).items():
                    if known.endswith("_endpoint"):
                        method = known.removesuffix("_endpoint")
                        found[method] = Method(getattr(made, method), endpoint.openapi_types)
    return found


def _walk_sdk(address: str) -> None:
    methods = _sdk(address)
    assert len(methods) == 69
    called = set()
    for name, said in STEPS:
        if name not in methods:
            continue
        called.add(name)
        # streams, and what is no JSON, as they come
        is_raw = name.startswith("watch") or name.endswith("logs") or name in ARTIFACTS
        answer = methods[name](**said, _preload_content=not is_raw, _request_timeout=60)
        if is_raw:
            assert answer.status == 200, name
            first = b"" if name == "watch_events" else answer.read() if name in ARTIFACTS else answer.readline()
            assert first == CONTENT or name not in ARTIFACTS, name
            assert b'"result"' in first or not name.startswith("watch") or name == "watch_events", (name, first)
            answer.close()
    assert set(methods) == called


async def test_every_method_of_the_sdk_is_answered(world: Served) -> None:
    await asyncio.to_thread(_walk_sdk, world.address)


RENAMED = {"id": "id_", "list_options_label_selector": "label_selector"}
LINKS = {"get_workflow_link": "workflows/ns/made", "get_cron_workflow_link": "cron-workflows/ns/x"}


def _walk_hera(address: str) -> None:
    service = WorkflowsService(host=address, token="Bearer secret", namespace="ns")  # noqa: S106
    methods = {name for name, one in vars(WorkflowsService).items() if inspect.isfunction(one) and not name.startswith("_")}
    assert len(methods) == 57
    called = set()
    for name, said in STEPS:
        if name not in methods:
            continue
        called.add(name)
        method = getattr(service, name)
        takes = inspect.signature(method).parameters
        asked = {RENAMED.get(key, key): text for key, text in said.items() if key != "body"}
        if "body" in said:
            asked["req"] = takes["req"].annotation.parse_obj(said["body"])
        answer = method(**{key: text for key, text in asked.items() if key in takes})
        if name in ARTIFACTS:
            # so it makes a text of bytes
            assert answer == str(CONTENT), (name, answer)
    for name, end in LINKS.items():
        assert end.split("/")[0] in getattr(service, name)(end.rpartition("/")[2])
        called.add(name)
    service.close()
    assert methods == called | {"close"}


@pytest.mark.filterwarnings("ignore:The `json` method is deprecated", "ignore:The `parse_obj`", "ignore::DeprecationWarning")
async def test_every_method_of_heras_service_is_answered(world: Served) -> None:
    await asyncio.to_thread(_walk_hera, world.address)

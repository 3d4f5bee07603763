"""A workflow's trace, as a collector of OpenTelemetry hears it from a controller that is killed meanwhile."""

import pathlib
import time
import uuid
from datetime import datetime

import pytest
from tests.e2e.circumstances.conftest import INSTANCE, Station
from tests.e2e.conftest import nodes
from tests.servers.otelcol import Told, otelcol

SPEC = {
    "entrypoint": "main",
    "templates": [
        {"name": "main", "steps": [[{"name": "quick", "template": "quick"}, {"name": "slow", "template": "slow"}]]},
        {"name": "quick", "container": {"image": "alpine", "command": ["sh", "-c", "echo $TRACEPARENT"]}},
        {"name": "slow", "container": {"image": "alpine", "command": ["sleep", "8"]}},
    ],
}
OF_A_NODE = ["nodePhase Pending", "nodePhase Running", "createWorkflowPod"]
OF_A_POD = ["podScheduling", "podPreparing", "runMainContainer"]
OF_THE_CONTROLLER = ("reconcileWorkflow", "persistUpdates")


def of_node(spans: list[Told], node: str) -> dict[str, Told]:
    """The spans with the node's id; a span that is told twice is the same."""
    return {f"{one.name} {one.attributes['node_phase']}" if one.name == "nodePhase" else one.name: one
            for one in spans if one.attributes.get("node_id") == node}  # fmt: skip


def test_a_trace_reaches_a_collector_whole_though_the_controller_is_killed(
    kubeconfig: str, image: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    station = Station(kubeconfig, f"traced-{uuid.uuid4().hex[:8]}")
    station.kubectl("create", "namespace", station.namespace)
    station.configure(instanceID=INSTANCE)
    with otelcol(tmp_path) as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", collector.endpoint)
        with station.running(image, tmp_path):
            station.submit("traced", SPEC)
            station.wait_until("traced", lambda found: nodes(found).items() >= {"quick": ("Pod", "Succeeded"), "slow": ("Pod", "Running")}.items())
            assert station.process is not None
            station.process.kill()
            killed = time.time()  # noqa: TID251 compared with the times in spans
            station.process.start()
            found = station.finished("traced")
            seen = station.tiphys("logs", "traced")
        ids = {node["displayName"]: name for name, node in found["status"]["nodes"].items()}
        assert found["status"]["phase"] == "Succeeded"
        end = time.monotonic() + 10
        while "workflow" not in {span.name for span in collector.spans()}:
            assert time.monotonic() < end, (tmp_path / "otelcol.log").read_text()
            time.sleep(0.1)
        spans = collector.spans()
    annotations = found["metadata"]["annotations"]
    starts = [span for span in spans if span.name.startswith("startup")]
    assert sorted(span.name for span in starts) == ["startupCacheSync"] * 2 + ["startupController"] * 2
    spans = [span for span in spans if span not in starts]
    assert {span.trace for span in spans} == {annotations["workflows.argoproj.io/trace-id"]}
    (whole,) = {span.id: span for span in spans if span.name == "workflow"}.values()
    assert (whole.id, whole.parent) == (annotations["workflows.argoproj.io/span-id"], "")
    assert datetime.fromisoformat(found["status"]["startedAt"]).timestamp() == whole.times[0] < killed < whole.times[1]
    assert {(span.name, span.parent) for span in spans} >= {(name, whole.id) for name in OF_THE_CONTROLLER}
    for name in ("quick", "slow"):
        own = of_node(spans, ids[name])
        assert sorted(own) == sorted(["node", *OF_A_NODE, *OF_A_POD])
        assert {own[one].parent for one in OF_A_NODE} == {own["node"].id}
        assert {own[one].parent for one in OF_A_POD} == {own["createWorkflowPod"].id}
        assert own["runMainContainer"].times[0] < killed
    assert (own["runMainContainer"].times[1] > killed, own["runMainContainer"].attributes["exit_code"]) == (True, "0")
    group = of_node(spans, ids["[0]"])["node"]
    assert of_node(spans, ids["slow"])["node"].parent in (group.id, of_node(spans, "traced")["node"].id)
    quick = of_node(spans, ids["quick"])["node"].id
    assert f"00-{whole.trace}-{quick}-01" in seen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tiphys.settings import OwnConfiguration, parse_configuration
from tiphys.telemetry.archive import ArchiveMetrics
from tiphys.telemetry.metrics import ControllerMetrics

ARGO = {
    "total_count": ("counter", "phase namespace"), "error_count": ("counter", "cause"), "operation_duration_seconds": ("histogram", ""),
    "pods_total_count": ("counter", "phase namespace"), "pod_pending_count": ("counter", "reason namespace"),
    "pod_missing": ("counter", "recently_started node_phase"), "pod_restarts_total": ("counter", "reason condition namespace"),
    "queue_adds_count": ("counter", "queue_name"), "queue_duration": ("histogram", "queue_name"),
    "queue_latency": ("histogram", "queue_name"), "queue_retries": ("counter", "queue_name"),
    "k8s_request_total": ("counter", "kind verb status_code"), "k8s_request_duration": ("histogram", "kind verb status_code"),
    "client_rate_limiter_latency": ("histogram", ""), "resource_rate_limiter_latency": ("histogram", ""),
    "cronworkflows_triggered_total": ("counter", "name namespace"),
    "cronworkflows_concurrencypolicy_triggered": ("counter", "name namespace concurrency_policy"),
    "workflowtemplate_triggered_total": ("counter", "name namespace cluster_scope phase"),
    "workflowtemplate_runtime": ("histogram", "name namespace cluster_scope"),
    "locks_held": ("gauge", "type storage lock_name namespace"), "locks_pending": ("gauge", "type storage lock_name namespace"),
    "locks_taken_total": ("counter", "type storage lock_name namespace"), "log_messages": ("counter", "level"),
    "deprecated_feature": ("counter", "feature namespace"), "is_leader": ("gauge", ""),
    "version": ("counter", "version platform go_version build_date compiler git_commit git_tree_state git_tag"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(ARGO))
def test_every_metric_has_argos_name_kind_and_labels(name):
    metrics = ControllerMetrics()
    kind, labels = ARGO[name]
    known = next(one for one in vars(metrics).values() if getattr(one, "_name", "") == f"argo_workflows_{name}".removesuffix("_total")) \
        if kind != "histogram" and name not in ("is_leader", "version") else None  # fmt: skip
    if known is not None:
        assert " ".join(known._labelnames) == labels
        made = known.labels(*["x"] * len(known._labelnames))
        made.inc() if kind == "counter" else made.set(1)
    elif kind == "histogram":
        histogram = metrics.histogram(name)
        assert " ".join(histogram._labelnames) == labels
        (histogram.labels(*["x"] * len(histogram._labelnames)) if histogram._labelnames else histogram).observe(1)
    text = metrics.text().decode()
    assert f"# TYPE argo_workflows_{name} {kind}\n" in text
    suffix = "_count" if kind == "histogram" else ""
    assert any(line.startswith((f"argo_workflows_{name}{suffix}{{", f"argo_workflows_{name}{suffix} ")) for line in text.splitlines())


def test_the_text_can_be_read_by_prometheus_own_parser():
    metrics = ControllerMetrics()
    archive = ArchiveMetrics(metrics.registry)
    archive.archived.inc()
    metrics.workflows.labels("Running", "a").inc()
    metrics.observe_request("get", "Pod", 200, 0.01)
    families = {one.name: one for one in text_string_to_metric_families(metrics.text().decode())}
    assert families["tiphys_archived_workflows"].samples[0].value == 1.0
    assert families["argo_workflows_k8s_request"].samples[0].labels == {"kind": "Pod", "verb": "get", "status_code": "200"}


def test_the_buckets_of_a_histogram_can_be_configured_also_later():
    metrics = ControllerMetrics()
    metrics.turn_seconds.observe(0.3)
    argo = parse_configuration({"metricsConfig": "modifiers: {operation_duration_seconds: {histogramBuckets: [0.5, 7]}}"})
    metrics.configure(argo.metrics_config, OwnConfiguration())
    metrics.turn_seconds.observe(0.3)
    lines = [line for line in metrics.text().decode().splitlines() if line.startswith("argo_workflows_operation_duration_seconds_bucket")]
    assert [line.partition(" ")[0].rpartition("=")[2] for line in lines] == ['"0.5"}', '"7.0"}', '"+Inf"}']


def test_what_is_measured_is_read_when_somebody_looks():
    metrics = ControllerMetrics()
    phases = {("Running",): 2.0}
    metrics.measure("gauge", "Workflows by phase.", ("phase",), lambda: phases)
    assert b'argo_workflows_gauge{phase="Running"} 2.0' in metrics.text()
    phases[("Running",)] = 3.0
    assert b'argo_workflows_gauge{phase="Running"} 3.0' in metrics.text()

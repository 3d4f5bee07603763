"""Makes `tiphys.json`, the Grafana dashboard, from the list of panels below: `python deploy/grafana/generate.py [--check]`."""

import json
import sys
from pathlib import Path

TARGET = Path(__file__).with_name("tiphys.json")
WHERE = 'namespace=~"$namespace"'
PANELS = [
    ("Workflows", [
        ("Workflows by phase", "short", [("sum by (phase) (argo_workflows_gauge)", "{{phase}}")]),
        ("Workflows that end", "ops", [(f'sum by (phase) (rate(argo_workflows_total_count{{phase=~"Succeeded|Failed|Error",{WHERE}}}[5m]))', "{{phase}}")]),
        ("Run time of templates, 95 %", "s", [
            (f"histogram_quantile(0.95, sum by (le, name) (rate(argo_workflows_workflowtemplate_runtime_bucket{{{WHERE}}}[1h])))", "{{name}}")]),
        ("Schedules", "ops", [(f"sum by (name) (rate(argo_workflows_cronworkflows_triggered_total{{{WHERE}}}[15m]))", "{{name}}")]),
    ]),
    ("Pods", [
        ("Pods by phase", "short", [("sum by (phase) (argo_workflows_pods_gauge)", "{{phase}}")]),
        ("What pods wait for", "ops", [(f"sum by (reason) (rate(argo_workflows_pod_pending_count{{{WHERE}}}[5m]))", "{{reason}}")]),
        ("From ready to created", "s", [
            ("histogram_quantile(0.5, sum by (le) (rate(tiphys_pod_create_delay_seconds_bucket[5m])))", "half"),
            ("histogram_quantile(0.95, sum by (le) (rate(tiphys_pod_create_delay_seconds_bucket[5m])))", "95 %")]),
        ("Pods that vanished or were made again", "ops", [
            ("sum by (node_phase) (rate(argo_workflows_pod_missing[5m]))", "missing, {{node_phase}}"),
            (f"sum by (reason) (rate(argo_workflows_pod_restarts_total{{{WHERE}}}[5m]))", "again, {{reason}}")]),
    ]),
    ("Controller", [
        ("Turns", "s", [
            ("histogram_quantile(0.95, sum by (le) (rate(argo_workflows_operation_duration_seconds_bucket[5m])))", "a turn takes"),
            ("histogram_quantile(0.95, sum by (le) (rate(argo_workflows_queue_latency_bucket[5m])))", "a turn is waited for")]),
        ("What waits", "short", [("sum by (queue_name) (argo_workflows_queue_depth_gauge)", "{{queue_name}}")]),
        ("Requests to the API server", "reqps", [("sum by (verb, kind) (rate(argo_workflows_k8s_request_total[5m]))", "{{verb}} {{kind}}")]),
        ("Requests that failed", "reqps", [
            ('sum by (status_code) (rate(argo_workflows_k8s_request_total{status_code=~"0|4..|5.."}[5m]))', "{{status_code}}")]),
        ("Answers of the API server, 95 %", "s", [
            ("histogram_quantile(0.95, sum by (le, verb) (rate(argo_workflows_k8s_request_duration_bucket[5m])))", "{{verb}}")]),
        ("Errors and lines of the log", "ops", [
            ("sum by (cause) (rate(argo_workflows_error_count[5m]))", "error, {{cause}}"),
            ('sum by (level) (rate(argo_workflows_log_messages{level=~"warn|error"}[5m]))', "log, {{level}}")]),
    ]),
    ("Locks, archive, configuration", [
        ("Locks held and waited for", "short", [
            (f"sum by (lock_name) (argo_workflows_locks_held{{{WHERE}}})", "held, {{lock_name}}"),
            (f"sum by (lock_name) (argo_workflows_locks_pending{{{WHERE}}})", "waited for, {{lock_name}}")]),
        ("Archive", "short", [("tiphys_archive_backlog", "wait"), ("rate(tiphys_archived_workflows_total[5m]) * 60", "archived a minute")]),
        ("Configuration in force", "short", [("tiphys_configuration_valid", "{{config_map}}")]),
        ("Values of custom metrics that were dropped", "ops", [("rate(tiphys_custom_metric_values_dropped_total[5m])", "dropped")]),
    ]),
]  # fmt: skip


def dashboard() -> dict[str, object]:
    """The dashboard as Grafana reads it."""
    panels: list[dict[str, object]] = []
    y = 0
    for title, row in PANELS:
        panels.append({"type": "row", "title": title, "collapsed": False, "id": len(panels) + 1,
                       "gridPos": {"x": 0, "y": y, "w": 24, "h": 1}, "panels": []})  # fmt: skip
        y += 1
        for number, (name, unit, targets) in enumerate(row):
            place = {"x": 12 * (number % 2), "y": y + 8 * (number // 2), "w": 12, "h": 8}
            panels.append(_panel(len(panels) + 1, name, unit, targets, place))
        y += 8 * ((len(row) + 1) // 2)
    source = {"name": "source", "type": "datasource", "query": "prometheus", "label": "Source", "current": {}, "hide": 0}
    namespace = {
        "name": "namespace", "type": "query", "label": "Namespace", "datasource": {"type": "prometheus", "uid": "${source}"},
        "query": {"query": "label_values(argo_workflows_total_count, namespace)", "refId": "namespace"},
        "includeAll": True, "multi": True, "allValue": ".*", "current": {"text": "All", "value": "$__all"}, "refresh": 2, "hide": 0,
    }  # fmt: skip
    return {
        "title": "Tiphys", "uid": "tiphys", "tags": ["tiphys", "workflows"], "schemaVersion": 39, "version": 1, "editable": True,
        "timezone": "", "refresh": "30s", "time": {"from": "now-6h", "to": "now"}, "templating": {"list": [source, namespace]},
        "annotations": {"list": []}, "panels": panels,
    }  # fmt: skip


def _panel(number: int, name: str, unit: str, targets: list[tuple[str, str]], place: dict[str, int]) -> dict[str, object]:
    queries = [{"expr": expr, "legendFormat": legend, "refId": chr(ord("A") + i), "range": True} for i, (expr, legend) in enumerate(targets)]
    return {
        "type": "timeseries", "id": number, "title": name, "gridPos": place, "targets": queries,
        "datasource": {"type": "prometheus", "uid": "${source}"},
        "fieldConfig": {"defaults": {"unit": unit, "min": 0, "custom": {"fillOpacity": 10, "showPoints": "never"}}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}},
    }  # fmt: skip


if __name__ == "__main__":
    text = json.dumps(dashboard(), indent=1) + "\n"
    if "--check" in sys.argv:
        sys.exit(0 if TARGET.read_text() == text else f"{TARGET} is not what generate.py makes")
    TARGET.write_text(text)

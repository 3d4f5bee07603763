"""Metrics as a Prometheus server sees them, and what is made of them: alerts and the dashboard."""

import json
import pathlib
import re
import subprocess
import sys

from tests.e2e.conftest import ROOT, Cluster, ControllerProcess

ALERTS = ROOT / "deploy/prometheus/alerts.yaml"
DASHBOARD = ROOT / "deploy/grafana/tiphys.json"
PARTS = re.compile(r"_(bucket|sum|count)$")


def promtool(*arguments: object, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, check=False, input=stdin)


def expressions() -> list[str]:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [target["expr"].replace("$namespace", ".*") for panel in panels for target in panel.get("targets", ())]


def test_the_alert_rules_are_good_and_fire_when_they_should() -> None:
    checked = promtool("check", "rules", ALERTS)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    tested = promtool("test", "rules", ROOT / "deploy/prometheus/alerts.test.yaml")
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_the_dashboard_is_what_its_source_makes_and_asks_what_prometheus_understands(tmp_path: pathlib.Path) -> None:
    subprocess.run([sys.executable, ROOT / "deploy/grafana/generate.py", "--check"], check=True)
    rules = [{"record": f"panel:{number}", "expr": expr} for number, expr in enumerate(expressions())]
    path = tmp_path / "rules.yaml"
    path.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    checked = promtool("check", "rules", path)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert len(rules) > 20


def test_a_scrape_is_good_and_has_what_alerts_and_dashboard_ask_for(cluster: Cluster, controller: ControllerProcess) -> None:
    spec = {
        "entrypoint": "a",
        "metrics": {"prometheus": [{"name": "e2e_workflow_seconds", "help": "How long.", "gauge": {"value": "{{workflow.duration}}"}}]},
        "templates": [{
            "name": "a", "container": {"image": "alpine", "command": ["true"]},
            "metrics": {"prometheus": [
                {"name": "e2e_steps", "help": "Steps.", "labels": [{"key": "phase", "value": "{{status}}"}], "counter": {"value": "1"}},
                {"name": "e2e_cpu", "help": "CPU seconds.", "histogram": {"value": "{{resourcesDuration.cpu}}", "buckets": [1, 60]}},
                {"name": "e2e_wrong", "help": "No number.", "gauge": {"value": "many"}}]},
        }],
    }  # fmt: skip
    manifest = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": "measured"}, "spec": spec}
    cluster.kubectl("create", "-f", "-", stdin=json.dumps(manifest))
    found = cluster.finished("measured")
    assert found["status"]["phase"] == "Succeeded"
    told = {one["type"]: one["message"] for one in found["status"]["conditions"] if one.get("message")}
    assert told["MetricsError"] == "unable to emit metric 'e2e_wrong': value 'many' is no number"
    text = controller.metrics()
    assert 'argo_workflows_e2e_steps{phase="Succeeded"} 1.0' in text
    assert "argo_workflows_e2e_cpu_count 1.0" in text
    assert "argo_workflows_e2e_workflow_seconds " in text
    checked = promtool("check", "metrics", stdin=text)
    # what remains are names that are Argo's or a user's
    complaints = [line for line in (checked.stdout + checked.stderr).splitlines() if line and not line.startswith(("argo_workflows_", "error while linting: argo_"))]
    assert not complaints
    assert checked.returncode in (0, 3)
    shown = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    asked = set(re.findall(r"\b(?:argo_workflows|tiphys)_[a-z0-9_]+", " ".join([ALERTS.read_text(), *expressions()])))
    unknown = {name for name in asked if name not in shown and PARTS.sub("", name) not in shown}
    assert not unknown

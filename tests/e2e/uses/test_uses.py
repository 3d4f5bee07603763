"""The classic uses, as people write them for Argo, on a real cluster."""

import json
import re

from tests.e2e.conftest import HOME, ROOT, Cluster, ControllerProcess, nodes


def test_parameters_have_a_default_and_can_be_overridden(cluster: Cluster) -> None:
    name = cluster.create("examples/parameters.yaml")
    assert cluster.finished(name)["status"]["phase"] == "Succeeded"
    assert "< hello world >" in cluster.logs(name)
    shown = cluster.tiphys("submit", ROOT / "examples/parameters.yaml", "-p", "message=goodbye world", "--watch")
    assert "Succeeded" in shown
    assert "< goodbye world >" in cluster.logs("@latest")


def test_a_private_image_needs_its_pull_secret(cluster: Cluster) -> None:
    name = cluster.create("examples/image-pull-secrets.yaml")
    found = cluster.wait_until(name, lambda w: "ImagePull" in json.dumps(w.get("status", {}).get("nodes", {})), 60)
    assert found["status"]["phase"] == "Running"
    words = dict(line.split("=") for line in (HOME / "private-registry.env").read_text().split())
    user = {key.lower().removeprefix("registry_"): value for key, value in words.items()}
    cluster.kubectl("create", "secret", "docker-registry", "docker-registry-secret", f"--docker-server={user['server']}",
                    f"--docker-username={user['username']}", f"--docker-password={user['password']}")  # fmt: skip
    again = cluster.create("examples/image-pull-secrets.yaml")
    assert cluster.finished(again)["status"]["phase"] == "Succeeded"
    assert "< hello world >" in cluster.logs(again)


def test_a_sidecar_serves_the_step_and_ends_with_it(cluster: Cluster) -> None:
    name = cluster.create("examples/sidecar-nginx.yaml")
    assert cluster.finished(name)["status"]["phase"] == "Succeeded"
    assert "nginx" in cluster.logs(name)


def test_a_dag_runs_its_targets_only(cluster: Cluster) -> None:
    name = cluster.create("examples/dag-target.yaml")
    both = cluster.tiphys("submit", ROOT / "examples/dag-target.yaml", "-p", "target=B E", "-o", "name").strip()
    assert set(nodes(cluster.finished(name))) == {name, "A", "C", "E"}
    found = cluster.finished(both)
    assert found["status"]["phase"] == "Succeeded"
    assert set(nodes(found)) == {both, "A", "B", "C", "E"}


def test_a_script_takes_integer_parameters(cluster: Cluster) -> None:
    text = (ROOT / "examples/script.yaml").read_text().replace("namespace: argo", f"namespace: {cluster.namespace}")
    cluster.apply(text)
    assert cluster.finished("script-random")["status"]["phase"] == "Succeeded"
    assert re.search(r"random between 1 and 100: \d+", cluster.logs("script-random"))


def test_on_error_does_not_retry_a_failing_exit_code_and_on_failure_does(cluster: Cluster) -> None:
    once, again = cluster.create("examples/retry-on-error.yaml"), cluster.create("examples/retry-container.yaml")
    failed = cluster.finished(once)
    assert (failed["status"]["phase"], failed["status"]["message"]) == ("Failed", "main: Error (exit code 1)")
    assert len(nodes(failed)) == 2
    succeeded = cluster.finished(again)
    assert succeeded["status"]["phase"] == "Succeeded"
    attempts = sorted((display, phase) for display, (kind, phase) in nodes(succeeded).items() if kind == "Pod")
    assert [phase for _, phase in attempts] == ["Failed", "Failed", "Succeeded"]


def test_a_coin_flip_puts_out_the_result_of_the_branch_that_ran(cluster: Cluster) -> None:
    name = cluster.create("examples/conditional-parameters.yaml")
    found = cluster.finished(name)
    phases = {phase: display for display, (_, phase) in nodes(found).items() if display in ("heads", "tails")}
    assert set(phases) == {"Succeeded", "Skipped"}
    outputs = found["status"]["nodes"][name]["outputs"]["parameters"]
    assert outputs == [{"name": "stepresult", "value": phases["Succeeded"]}]


def test_a_resource_template_creates_a_job_and_waits_for_it(cluster: Cluster) -> None:
    cluster.kubectl("create", "role", "jobs", "--verb=create,get", "--resource=jobs.batch")
    cluster.kubectl("create", "rolebinding", "jobs", "--role=jobs", f"--serviceaccount={cluster.namespace}:default")
    name = cluster.create("examples/k8s-jobs.yaml")
    found = cluster.finished(name, 120)
    assert found["status"]["phase"] == "Succeeded", found["status"]
    jobs = json.loads(cluster.kubectl("get", "jobs", "-o", "json"))["items"]
    assert [job["status"].get("succeeded") for job in jobs] == [1]


def test_a_resource_template_without_rights_says_so(cluster: Cluster) -> None:
    found = cluster.finished(cluster.create("examples/k8s-jobs.yaml"), 120)
    assert found["status"]["phase"] == "Failed"
    assert "cannot create resource" in found["status"]["message"]


def test_a_pod_has_one_container_and_no_token(cluster: Cluster) -> None:
    name = cluster.create("examples/dag-diamond.yaml")
    assert cluster.finished(name)["status"]["phase"] == "Succeeded"
    pods = json.loads(cluster.kubectl("get", "pods", "-o", "json"))["items"]
    assert len(pods) == 4
    for pod in pods:
        assert len(pod["spec"]["containers"]) == 1
        assert not pod["spec"].get("initContainers")
        assert pod["spec"]["automountServiceAccountToken"] is False


def test_an_invalid_workflow_fails_and_says_where(cluster: Cluster) -> None:
    cluster.apply(
        "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {name: bad}\nspec: {entrypoint: mian, templates: "
        "[{name: main, container: {image: alpine, command: [echo]}}]}"
    )
    assert cluster.finished("bad")["status"]["message"] == (
        "invalid spec: spec.entrypoint: template name 'mian' undefined, did you mean 'main'?"
    )


def test_output_parameters_from_files_and_large_results_travel(cluster: Cluster) -> None:
    cluster.apply("""
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: outputs}
spec:
  entrypoint: main
  templates:
  - name: main
    steps:
    - - {name: make, template: make}
    - - name: use
        template: use
        arguments: {parameters: [{name: a, value: "{{steps.make.outputs.parameters.a}}"}, {name: r, value: "{{steps.make.outputs.result}}"}]}
  - name: make
    container: {image: alpine, command: [sh, -c], args: ["echo from-file > /tmp/a; seq 1 3000"]}
    outputs: {parameters: [{name: a, valueFrom: {path: /tmp/a}}, {name: b, valueFrom: {path: /tmp/none, default: fallback}}]}
  - name: use
    inputs: {parameters: [{name: a}, {name: r}]}
    script: {image: alpine, command: [sh], source: "echo '{{inputs.parameters.a}}'; echo '{{inputs.parameters.r}}' | wc -l"}
""")
    found = cluster.finished("outputs")
    assert found["status"]["phase"] == "Succeeded", found["status"]
    shown = cluster.logs("outputs")
    assert re.search(r"use-\d+: from-file", shown)
    assert re.search(r"use-\d+: 3000", shown)
    assert "tiphys-record" not in shown


def test_a_stopped_workflow_ends(cluster: Cluster) -> None:
    cluster.apply(
        "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {name: long}\nspec: {entrypoint: a, templates: "
        "[{name: a, container: {image: alpine, command: [sleep, '600']}}]}"
    )
    cluster.wait_until("long", lambda w: w.get("status", {}).get("nodes", {}).get("long", {}).get("phase") == "Running")
    cluster.tiphys("stop", "long")
    found = cluster.finished("long")
    assert (found["status"]["phase"], found["status"]["message"]) == ("Failed", "Stopped with strategy 'Stop'")


def test_a_suspended_node_is_resumed(cluster: Cluster) -> None:
    cluster.apply(
        "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {name: approve}\nspec: {entrypoint: a, templates: "
        "[{name: a, suspend: {}}]}"
    )
    cluster.wait_until("approve", lambda w: w.get("status", {}).get("nodes", {}).get("approve", {}).get("phase") == "Running")
    cluster.tiphys("resume", "approve")
    assert cluster.finished("approve")["status"]["phase"] == "Succeeded"


def test_a_killed_controller_loses_nothing_and_starts_nothing_twice(cluster: Cluster, controller: ControllerProcess) -> None:
    names = [cluster.create("examples/dag-diamond.yaml") for _ in range(3)]
    for _ in range(3):
        controller.kill()
        controller.log.write_bytes(b"")
        controller.start()
    for name in names:
        assert cluster.finished(name)["status"]["phase"] == "Succeeded"
    pods = json.loads(cluster.kubectl("get", "pods", "-o", "json"))["items"]
    assert len(pods) == 12


def test_metrics_can_be_scraped(cluster: Cluster, controller: ControllerProcess) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    cluster.finished(cluster.create("examples/parameters.yaml"))
    families = {family.name: family for family in text_string_to_metric_families(controller.metrics())}
    done = [sample for sample in families["argo_workflows_total_count"].samples if sample.labels.get("phase") == "Succeeded"]
    assert sum(sample.value for sample in done) >= 1
    assert "argo_workflows_operation_duration_seconds" in families

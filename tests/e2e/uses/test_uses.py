"""The classic uses, as people write them for Argo, on a real cluster: by `kubectl create` and by `tiphys submit --watch`.

All of them are started at once, in a namespace of their own.
"""

import json
import pathlib
import re
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import yaml
from tests.e2e.conftest import HOME, ROOT, Cluster, ControllerProcess, nodes, run

# the words after the file -> the exit code
SUBMITTED: dict[str, tuple[tuple[str, ...], int]] = {
    "parameters": (("-p", "message=goodbye world"), 0),
    "image-pull-secrets": ((), 0),
    "sidecar-nginx": ((), 0),
    "dag-target": (("-p", "target=B E"), 0),
    "retry-on-error": ((), 1),
    "retry-container": ((), 0),
    "conditional-parameters": ((), 0),
    "k8s-jobs": ((), 0),
    "dag-diamond": ((), 0),
}  # fmt: skip

LONG = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: long}
spec: {entrypoint: a, templates: [{name: a, container: {image: alpine, command: [sleep, '600']}}]}
"""
OUTPUTS = """
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
"""


class Uses:
    """What was started, and where.

    Attributes:
        place: The namespace with the secret and the rights that the uses need.
        bare: One without.
    """

    def __init__(self, place: Cluster, bare: Cluster, pool: ThreadPoolExecutor) -> None:
        self.place, self.bare = place, bare
        self._shown = {use: pool.submit(self._submit, use) for use in SUBMITTED}
        self._created = {use: place.create(f"examples/{use}.yaml") for use in SUBMITTED}
        place.apply(f"{LONG}---{OUTPUTS}")
        self.lacking = {use: bare.create(f"examples/{use}.yaml") for use in ("image-pull-secrets", "k8s-jobs")}

    def _submit(self, use: str) -> str:
        words, code = SUBMITTED[use]
        return self.place.tiphys("submit", ROOT / f"examples/{use}.yaml", *words, "--watch", code=code)

    def created(self, use: str, seconds: float = 120) -> dict[str, Any]:
        """The one of `kubectl create`, ended."""
        return self.place.finished(self._created[use], seconds)

    def watched(self, use: str) -> tuple[dict[str, Any], str]:
        """The one of `tiphys submit --watch`, ended, and what that showed."""
        shown = self._shown[use].result(150)
        name = re.search(r"Name: +(\S+)", shown)
        assert name is not None, shown
        return self.place.workflow(name[1]), shown

    def both(self, use: str) -> list[dict[str, Any]]:
        found, shown = self.watched(use)
        for display, (kind, _) in nodes(found).items():
            # a group of steps has no line of its own
            assert kind == "StepGroup" or display in shown
        return [self.created(use), found]

    def pods(self, workflow: dict[str, Any]) -> list[dict[str, Any]]:
        of = f"workflows.argoproj.io/workflow={workflow['metadata']['name']}"
        found: list[dict[str, Any]] = json.loads(self.place.kubectl("get", "pods", "-l", of, "-o", "json"))["items"]
        return found

    def logs(self, workflow: dict[str, Any]) -> str:
        return self.place.logs(workflow["metadata"]["name"])


@pytest.fixture(scope="module")
def uses(kubeconfig: str, controller: ControllerProcess) -> Iterator[Uses]:
    name = f"e2e-{uuid.uuid4().hex[:8]}"
    place, bare = Cluster(kubeconfig, name), Cluster(kubeconfig, f"{name}-bare")
    for one in (place, bare):
        run("kubectl", "--kubeconfig", kubeconfig, "create", "namespace", one.namespace)
    words = dict(line.split("=") for line in (HOME / "private-registry.env").read_text().split())
    user = {key.lower().removeprefix("registry_"): value for key, value in words.items()}
    place.kubectl("create", "secret", "docker-registry", "docker-registry-secret", f"--docker-server={user['server']}",
                  f"--docker-username={user['username']}", f"--docker-password={user['password']}")  # fmt: skip
    place.kubectl("create", "role", "jobs", "--verb=create,get", "--resource=jobs.batch")
    place.kubectl("create", "rolebinding", "jobs", "--role=jobs", f"--serviceaccount={name}:default")
    with ThreadPoolExecutor(3) as pool:
        yield Uses(place, bare, pool)
    for one in (place, bare):
        run("kubectl", "--kubeconfig", kubeconfig, "delete", "namespace", one.namespace, "--wait=false")


def succeeded(workflow: dict[str, Any]) -> dict[str, Any]:
    assert workflow["status"]["phase"] == "Succeeded", json.dumps(workflow["status"], indent=1)[:3000]
    return workflow


def test_parameters_have_a_default_and_can_be_overridden(uses: Uses) -> None:
    plain, overridden = map(succeeded, uses.both("parameters"))
    assert "< hello world >" in uses.logs(plain)
    assert "< goodbye world >" in uses.logs(overridden)
    assert nodes(plain) == {plain["metadata"]["name"]: ("Pod", "Succeeded")}


def test_a_private_image_is_pulled_with_its_secret(uses: Uses) -> None:
    for found in uses.both("image-pull-secrets"):
        assert "< hello world >" in uses.logs(succeeded(found))


def test_a_private_image_without_its_secret_is_waited_for_and_told(uses: Uses) -> None:
    name = uses.lacking["image-pull-secrets"]
    found = uses.bare.wait_until(name, lambda one: "ImagePull" in json.dumps(one.get("status", {}).get("nodes", {})), 60)
    node = found["status"]["nodes"][name]
    assert (found["status"]["phase"], node["phase"]) == ("Running", "Pending")
    assert re.match(r"(ErrImagePull|ImagePullBackOff): .*10\.88\.0\.1:5001/private/whalesay:latest", node["message"]), node["message"]


def test_a_sidecar_serves_the_step_and_ends_with_it(uses: Uses) -> None:
    for found in uses.both("sidecar-nginx"):
        assert "nginx" in uses.logs(succeeded(found))
        (pod,) = uses.pods(found)
        states = [*pod["status"]["containerStatuses"], *pod["status"].get("initContainerStatuses", ())]
        assert {"main", "nginx"} <= {state["name"] for state in states}
        assert all("terminated" in state["state"] for state in states)


def test_a_dag_runs_its_targets_only(uses: Uses) -> None:
    one, both = map(succeeded, uses.both("dag-target"))
    assert nodes(one).keys() - {one["metadata"]["name"]} == {"A", "C", "E"}
    assert nodes(both).keys() - {both["metadata"]["name"]} == {"A", "B", "C", "E"}
    assert sorted(line.split()[-1] for line in uses.logs(both).splitlines()) == ["A", "B", "C", "E"]


def test_a_script_takes_integer_parameters(uses: Uses, tmp_path: pathlib.Path) -> None:
    text = (ROOT / "examples/script.yaml").read_text()
    uses.place.apply(text.replace("namespace: argo", f"namespace: {uses.place.namespace}"))
    other = tmp_path / "script.yaml"
    other.write_text(text.replace("namespace: argo", f"namespace: {uses.bare.namespace}"))
    shown = uses.bare.tiphys("submit", other, "-p", "min=5", "-p", "max=5", "--watch")
    assert re.search(r"script-random +gen-random-int", shown)
    assert "random between 5 and 5: 5" in uses.bare.logs("script-random")
    succeeded(uses.place.finished("script-random"))
    assert re.search(r"random between 1 and 100: \d+", uses.place.logs("script-random"))


def test_on_error_does_not_retry_a_failing_exit_code_and_on_failure_does(uses: Uses) -> None:
    for failed in uses.both("retry-on-error"):
        assert (failed["status"]["phase"], failed["status"]["message"]) == ("Failed", "main: Error (exit code 1)")
        assert [phase for kind, phase in nodes(failed).values() if kind == "Pod"] == ["Failed"]
    for found in uses.both("retry-container"):
        attempts = sorted((display, phase) for display, (kind, phase) in nodes(succeeded(found)).items() if kind == "Pod")
        assert [phase for _, phase in attempts] == ["Failed", "Failed", "Succeeded"]


@pytest.mark.parametrize(("policy", "tries"), [("Always", 2), ("OnTransientError", 1)])
def test_the_other_retry_policies_try_a_failing_exit_code_as_often_as_they_say(uses: Uses, policy: str, tries: int) -> None:
    document = yaml.safe_load((ROOT / "examples/retry-on-error.yaml").read_text())
    document["spec"]["templates"][0]["retryStrategy"] = {"limit": "1", "retryPolicy": policy}
    document["metadata"] = {"name": f"retry-{policy.lower()}"}
    uses.place.apply(yaml.safe_dump(document))
    found = uses.place.finished(document["metadata"]["name"])
    assert found["status"]["phase"] == "Failed"
    assert [phase for kind, phase in nodes(found).values() if kind == "Pod"] == ["Failed"] * tries


def test_a_coin_flip_puts_out_the_result_of_the_branch_that_ran(uses: Uses) -> None:
    for found in uses.both("conditional-parameters"):
        phases = {phase: display for display, (_, phase) in nodes(succeeded(found)).items() if display in ("heads", "tails")}
        assert set(phases) == {"Succeeded", "Skipped"}
        outputs = found["status"]["nodes"][found["metadata"]["name"]]["outputs"]["parameters"]
        assert outputs == [{"name": "stepresult", "value": phases["Succeeded"]}]
        assert phases["Succeeded"] in uses.logs(found)


def test_a_resource_template_creates_a_job_and_waits_for_it(uses: Uses) -> None:
    for found in uses.both("k8s-jobs"):
        succeeded(found)
    jobs = json.loads(uses.place.kubectl("get", "jobs", "-o", "json"))["items"]
    assert [job["status"].get("succeeded") for job in jobs] == [1, 1]
    assert all(job["metadata"]["name"].startswith("pi-job-") for job in jobs)


def test_a_resource_template_without_rights_says_so(uses: Uses) -> None:
    found = uses.bare.finished(uses.lacking["k8s-jobs"], 120)
    assert found["status"]["phase"] == "Failed"
    assert "cannot create resource" in found["status"]["message"]


def test_a_pod_has_one_container_and_no_token(uses: Uses) -> None:
    found, _ = map(succeeded, uses.both("dag-diamond"))
    pods = uses.pods(found)
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


def test_output_parameters_from_files_and_large_results_travel(uses: Uses) -> None:
    shown = uses.logs(succeeded(uses.place.finished("outputs")))
    assert re.search(r"use-\d+: from-file", shown)
    assert re.search(r"use-\d+: 3000", shown)
    assert "tiphys-record" not in shown


def test_a_stopped_workflow_ends(uses: Uses) -> None:
    cluster = uses.place
    cluster.wait_until("long", lambda w: w.get("status", {}).get("nodes", {}).get("long", {}).get("phase") == "Running")
    cluster.tiphys("stop", "long")
    found = cluster.finished("long")
    assert (found["status"]["phase"], found["status"]["message"]) == ("Failed", "Stopped with strategy 'Stop'")


def test_a_suspended_node_is_resumed(uses: Uses) -> None:
    cluster = uses.place
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

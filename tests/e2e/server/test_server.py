"""The server on a real cluster: whose rights count, and logs of steps while they run and after their pods are gone."""

import json
from collections.abc import Iterator

import pytest
from tests.e2e.conftest import TIPHYS, Cluster, run
from tests.e2e.server.client import Client, serving

ROLES = {
    "reader": [
        {"apiGroups": ["argoproj.io"], "resources": ["*"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": ["get", "list"]},
    ],
    "owner": [
        {"apiGroups": ["argoproj.io"], "resources": ["*"], "verbs": ["*"]},
        {"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": ["get", "list", "delete"]},
    ],
}


@pytest.fixture(scope="module")
def address(kubeconfig: str) -> Iterator[str]:
    with serving(kubeconfig, "--auth-mode", "client") as found:
        yield f"http://{found}"


@pytest.fixture
def clients(cluster: Cluster, address: str) -> dict[str, Client]:
    """By what their service accounts may do in the namespace of the test, and nowhere else."""
    found = {"nobody": Client(address), "fake": Client(address, "fake")}
    for name, rules in ROLES.items():
        role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": name}, "rules": rules}
        cluster.apply(json.dumps(role))
        cluster.kubectl("create", "serviceaccount", name)
        cluster.kubectl("create", "rolebinding", name, f"--role={name}", f"--serviceaccount={cluster.namespace}:{name}")
        found[name] = Client(address, cluster.kubectl("create", "token", name).strip())
    return found


def workflow(script: str) -> dict[str, object]:
    """Two steps, one after the other."""
    steps = [[{"name": name, "template": "say", "arguments": {"parameters": [{"name": "word", "value": name}]}}] for name in ("first", "second")]
    say = {"name": "say", "inputs": {"parameters": [{"name": "word"}]}, "container": {"image": "alpine", "command": ["sh", "-c", script]}}
    return {"metadata": {"generateName": "w-"}, "spec": {"entrypoint": "main", "templates": [{"name": "main", "steps": steps}, say]}}


def test_everybody_may_what_the_cluster_lets_him(cluster: Cluster, clients: dict[str, Client]) -> None:
    path, body = f"/api/v1/workflows/{cluster.namespace}", {"workflow": workflow("true")}
    expected = {"nobody": (401, 401, 401, 401), "fake": (401, 401, 401, 401), "reader": (200, 403, 403, 200), "owner": (200, 200, 403, 200)}
    for who, codes in expected.items():
        client = clients[who]
        found = (client.ask("GET", path)[0], client.ask("POST", path, body)[0], client.ask("GET", "/api/v1/workflows/default")[0], client.ask("GET", "/api/v1/version")[0])
        assert found == codes, who
    watched = f"/api/v1/workflow-events/{cluster.namespace}"
    assert clients["reader"].open("GET", watched).status == 200
    assert clients["fake"].ask("GET", watched)[0] == 401
    assert clients["owner"].ask("GET", "/api/v1/workflow-events/default")[0] == 403
    said = clients["reader"].ask("GET", "/api/v1/userinfo")[1]
    assert (said["serviceAccountName"], said["serviceAccountNamespace"]) == ("reader", cluster.namespace)
    assert len(json.loads(cluster.kubectl("get", "workflows", "-o", "json"))["items"]) == 1


def test_an_event_starts_what_its_binding_wants_and_a_broken_binding_says_so(cluster: Cluster, clients: dict[str, Client]) -> None:
    say = {"name": "say", "inputs": {"parameters": [{"name": "word"}]},
           "container": {"image": "alpine", "command": ["sh", "-c", "echo {{inputs.parameters.word}}"]}}  # fmt: skip
    spec = {"entrypoint": "say", "arguments": {"parameters": [{"name": "word", "value": "none"}]}, "templates": [say]}
    cluster.apply(json.dumps({"apiVersion": "argoproj.io/v1alpha1", "kind": "WorkflowTemplate", "metadata": {"name": "greet"}, "spec": spec}))
    word = {"name": "word", "valueFrom": {"event": "payload.word"}}
    submit = {"workflowTemplateRef": {"name": "greet"}, "arguments": {"parameters": [word]}}
    for name, selector in (("good", 'discriminator == "greeting"'), ("broken", "payload.missing.deep == 1 &&")):
        body = {"event": {"selector": selector}, "submit": submit}
        cluster.apply(json.dumps({"apiVersion": "argoproj.io/v1alpha1", "kind": "WorkflowEventBinding", "metadata": {"name": name}, "spec": body}))
    path = f"/api/v1/events/{cluster.namespace}/greeting"
    assert clients["fake"].ask("POST", path, {"word": "hello"})[0] == 401
    assert clients["reader"].ask("POST", path, {"word": "hello"})[0] == 403
    code, said = clients["owner"].ask("POST", path, {"word": "hello"})
    assert (code, said["message"].startswith("failed to dispatch event: broken: ")) == (500, True)
    (made,) = json.loads(cluster.kubectl("get", "workflows", "-l", "workflows.argoproj.io/workflow-event-binding=good", "-o", "json"))["items"]
    name = made["metadata"]["name"]
    assert cluster.finished(name)["status"]["phase"] == "Succeeded"
    assert cluster.logs(name).split()[-1] == "hello"
    (told,) = json.loads(cluster.kubectl("get", "events", "--field-selector", "reason=WorkflowEventBindingError", "-o", "json"))["items"]
    assert (told["type"], told["involvedObject"]["name"]) == ("Warning", "broken")


def test_logs_are_followed_from_step_to_step(cluster: Cluster, clients: dict[str, Client]) -> None:
    name = clients["owner"].submit(cluster.namespace, workflow("echo {{inputs.parameters.word}} begins; sleep 2; echo {{inputs.parameters.word}} ends"))
    path = f"/api/v1/workflows/{cluster.namespace}/{name}/log?logOptions.container=main&logOptions.follow=true"
    phases, said = [], []
    for line in clients["reader"].lines(path):
        said.append(line["result"]["content"])
        phases.append(clients["reader"].ask("GET", f"/api/v1/workflows/{cluster.namespace}/{name}")[1]["status"]["phase"])
    assert said == ["first begins", "first ends", "second begins", "second ends"]
    assert phases[0] == "Running", "lines come while they are printed"
    assert cluster.finished(name)["status"]["phase"] == "Succeeded"


def test_beyond_this_machine_a_mode_must_be_chosen(kubeconfig: str) -> None:
    done = run(*TIPHYS, "server", "--kubeconfig", kubeconfig, "--host", "0.0.0.0", check=False)  # noqa: S104
    assert done.returncode != 0
    assert "--auth-mode" in done.stderr

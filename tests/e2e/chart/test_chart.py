"""The chart, installed for real: the controller runs in the cluster, from the built image."""

import json
import os
import pathlib
import subprocess
import time
import urllib.error
import uuid
from collections.abc import Callable, Iterator

import pytest
import yaml
from tests.e2e.conftest import ROOT
from tests.e2e.server.client import Client, forwarded

HELM = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "tiphys/bin/helm"
CHART = ROOT / "deploy/helm/tiphys"


class Release:
    """One release in a namespace of its own; its controller follows that namespace only."""

    def __init__(self, kubeconfig: str, image: str) -> None:
        self.kubeconfig = kubeconfig
        self.namespace = f"chart-{uuid.uuid4().hex[:8]}"
        repository, _, tag = image.rpartition(":")
        self.values = ["--set", f"image.repository={repository},image.tag={tag},image.pullPolicy=Always",
                       "--set", "controller.singleNamespace=true,controller.instanceID=chart,crds.install=false"]  # fmt: skip

    def helm(self, *arguments: object) -> str:
        command = [HELM, *arguments, "--kubeconfig", self.kubeconfig, "--namespace", self.namespace]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr + self.story()
        return done.stdout

    def kubectl(self, *arguments: object, stdin: str | None = None) -> str:
        command = ["kubectl", "--kubeconfig", self.kubeconfig, "-n", self.namespace, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False, input=stdin).stdout

    def items(self, kind: str, label: str) -> list[dict[str, object]]:
        return json.loads(self.kubectl("get", kind, "-l", label, "-o", "json"))["items"]

    def story(self) -> str:
        return self.kubectl("get", "pods,events") + self.kubectl("logs", "-l", "app.kubernetes.io/instance=tiphys", "--tail=50")


@pytest.fixture(scope="module")
def release(kubeconfig: str, image: str) -> Iterator[Release]:
    one = Release(kubeconfig, image)
    one.helm("install", "tiphys", CHART, "--create-namespace", *one.values, "--wait", "--timeout", "120s")
    yield one
    one.kubectl("delete", "namespace", one.namespace, "--wait=false")


def create(release: Release, name: str, command: list[str]) -> None:
    release.kubectl("create", "-f", "-", stdin=json.dumps({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow",
        "metadata": {"name": name, "labels": {"workflows.argoproj.io/controller-instanceid": "chart"}},
        "spec": {"entrypoint": "a", "templates": [{"name": "a", "container": {"image": "alpine", "command": command}}]},
    }))  # fmt: skip


def workflow(release: Release, name: str) -> dict[str, object]:
    create(release, name, ["echo", "hi"])
    return finished(release, name)


def until(release: Release, reached: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end, release.story()
        time.sleep(0.5)


def finished(release: Release, name: str) -> dict[str, object]:
    end = time.monotonic() + 90
    while time.monotonic() < end:
        found = json.loads(release.kubectl("get", "workflow", name, "-o", "json"))
        if found.get("status", {}).get("phase") in ("Succeeded", "Failed", "Error"):
            return found
        time.sleep(0.3)
    raise AssertionError(release.story())


def test_the_installed_controller_runs_workflows_with_the_charts_rights(release: Release) -> None:
    assert workflow(release, "one")["status"]["phase"] == "Succeeded"


def test_what_a_controller_of_one_namespace_may_not_see_is_said_once(release: Release) -> None:
    said = release.kubectl("logs", "deployment/tiphys-controller", "--tail=-1")
    assert said.count("ClusterWorkflowTemplate may not be seen") == 1, said


def test_the_charts_own_test_passes(release: Release) -> None:
    assert "Succeeded" in release.helm("test", "tiphys")


def test_people_sign_in_and_signed_events_come_in_with_the_charts_rights(release: Release) -> None:
    release.kubectl("create", "secret", "generic", "sso", "--from-literal=id=argo", "--from-literal=secret=word")
    entry = "type: gitlab\nsecret: word\n"
    release.kubectl("create", "secret", "generic", "argo-workflows-webhook-clients", f"--from-literal=hook={entry}")
    release.kubectl("create", "serviceaccount", "hook")
    release.kubectl("create", "role", "hook", "--verb=list,create", "--resource=workfloweventbindings.argoproj.io,workflows.argoproj.io")
    release.kubectl("create", "rolebinding", "hook", "--role=hook", f"--serviceaccount={release.namespace}:hook")
    names = ",".join(f"config.sso.client{key}.name=sso,config.sso.client{key}.key={key.lower()}" for key in ("Id", "Secret"))
    # nobody answers there
    flags = f"server.authModes={{sso}},server.webhooks=true,config.sso.issuer=http://127.0.0.1:9,config.sso.rbac.enabled=true,{names}"
    release.helm("upgrade", "tiphys", CHART, *release.values, "--set", flags, "--wait", "--timeout", "120s")
    until(release, lambda: len(release.items("pods", "app.kubernetes.io/name=tiphys-server")) == 1)
    with forwarded(release.kubeconfig, release.namespace, "service/tiphys-server", 2746) as address:
        client = Client(f"https://{address}")
        assert client.ask("GET", f"/api/v1/workflows/{release.namespace}")[0] == 401
        assert status_of(client, "GET", "/oauth2/redirect") == 503, release.story()
        path = f"/api/v1/events/{release.namespace}/"
        assert status_of(client, "POST", path, **{"X-Gitlab-Token": "word"}) == 200, release.story()
        assert status_of(client, "POST", path, **{"X-Gitlab-Token": "wrong"}) == 403


def status_of(client: Client, verb: str, path: str, **headers: str) -> int:
    try:
        with client.open(verb, path, {} if verb == "POST" else None, **headers) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as e:
        with e:
            return e.code


def test_two_replicas_share_the_work_and_one_takes_over_from_the_other(release: Release) -> None:
    release.helm("upgrade", "tiphys", CHART, *release.values, "--set", "controller.replicas=2", "--wait", "--timeout", "120s")
    names = [f"shared-{index}" for index in range(6)]
    for name in names:
        create(release, name, ["sleep", "8"])
    until(release, lambda: len(release.items("pods", "workflows.argoproj.io/workflow")) == 1 + len(names))
    # the upgrade is done before the pods of the version before it are gone
    until(release, lambda: len(release.items("pods", "app.kubernetes.io/name=tiphys")) == 2)
    until(release, lambda: len(release.items("leases", "tiphys.io/replicas-of")) == 2)
    controllers = release.items("pods", "app.kubernetes.io/name=tiphys")
    release.kubectl("delete", "pod", controllers[0]["metadata"]["name"], "--grace-period=0", "--force")
    for name in names:
        assert finished(release, name)["status"]["phase"] == "Succeeded"
    assert len(release.items("pods", "workflows.argoproj.io/workflow")) == 1 + len(names)


def test_kubernetes_own_roles_know_argos_kinds_where_the_chart_is_the_clusters(release: Release) -> None:
    rendered = yaml.safe_load_all(release.helm("template", "aggregated", CHART, "--show-only", "templates/rbac.yaml"))
    mine = [one for one in rendered if one and "aggregate-to" in one["metadata"]["name"]]
    assert len(mine) == 3
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": mine})
    release.kubectl("apply", "-f", "-", stdin=text)
    try:
        for role, verbs in (("view", {"get", "list", "watch"}), ("edit", {"create", "patch"}), ("admin", {"deletecollection"})):
            end = time.monotonic() + 60
            while not verbs <= verbs_on_workflows(release, role):
                assert time.monotonic() < end, role
                time.sleep(0.3)
    finally:
        release.kubectl("delete", "-f", "-", stdin=text)


def verbs_on_workflows(release: Release, role: str) -> set[str]:
    rules = json.loads(release.kubectl("get", "clusterrole", role, "-o", "json"))["rules"] or []
    return {verb for rule in rules if "workflows" in rule.get("resources", ()) for verb in rule["verbs"]}


def test_an_upgrade_and_an_uninstall_leave_users_workflows(release: Release) -> None:
    release.helm("upgrade", "tiphys", CHART, *release.values, "--set", "controller.logLevel=debug", "--wait", "--timeout", "120s")
    assert workflow(release, "two")["status"]["phase"] == "Succeeded"
    release.helm("uninstall", "tiphys", "--wait")
    left = json.loads(release.kubectl("get", "workflows", "-o", "json"))["items"]
    assert {item["metadata"]["name"] for item in left} == {"one", "two", *(f"shared-{index}" for index in range(6))}


@pytest.mark.parametrize("values", [[], ["--set", "controller.singleNamespace=true"], ["--set", "controller.replicas=3"],
    ["--set", "metrics.serviceMonitor.enabled=true"], ["--set", "server.enabled=false"], ["--set", "server.authModes={server}"],
    ["--set", "server.ingress.enabled=true,server.ingress.hosts={argo.example},server.secure=false,server.webhooks=true"],
    ["--set", "server.authModes={sso},config.sso.issuer=https://x,config.sso.clientId.name=s,config.sso.clientId.key=i"]])
def test_the_chart_renders_and_is_clean(values: list[str]) -> None:
    for command in (["lint", "--strict"], ["template", "x"]):
        done = subprocess.run([HELM, *command, CHART, *values], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_artifact_drivers_run_beside_the_server_that_asks_them() -> None:
    known = "config.artifactDrivers[0].name=theirs,config.artifactDrivers[0].image=drivers/theirs:1"
    command = [HELM, "template", "x", CHART, "-s", "templates/server.yaml", "--set", "server.artifactDrivers={theirs}"]
    made = subprocess.run([*command, "--set", known], capture_output=True, text=True, check=True).stdout
    spec = next(one for one in yaml.safe_load_all(made) if one and one["kind"] == "Deployment")["spec"]["template"]["spec"]
    (driver,), (server,) = spec["initContainers"], spec["containers"]
    assert (driver["image"], driver["args"], driver["restartPolicy"]) == ("drivers/theirs:1", ["/artifact-plugins/theirs/socket"], "Always")
    mount = {"name": "artifact-plugin-theirs", "mountPath": "/artifact-plugins/theirs"}
    assert driver["volumeMounts"] == [mount]
    assert mount in server["volumeMounts"]
    assert {"name": "artifact-plugin-theirs", "emptyDir": {}} in spec["volumes"]
    unknown = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "server.artifactDrivers names theirs, which config.artifactDrivers does not" in unknown.stderr


def test_the_controller_has_the_variables_and_flags_that_are_given() -> None:
    given = json.dumps([{"name": "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "value": "http://collector:4317"}])
    command = [HELM, "template", "x", CHART, "-s", "templates/controller.yaml", "--set-json", f"controller.extraEnv={given}",
               "--set", "controller.capturePodStatus=true,controller.extraArgs={--record=/tmp/r}"]  # fmt: skip
    made = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    (one,) = [one for one in yaml.safe_load_all(made) if one and one["kind"] == "Deployment"]
    (container,) = one["spec"]["template"]["spec"]["containers"]
    assert [entry["name"] for entry in container["env"]] == ["ARGO_POD_STATUS_CAPTURE_FINALIZER", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]
    assert container["args"][-1] == "--record=/tmp/r"


def test_wrong_values_are_refused() -> None:
    done = subprocess.run([HELM, "template", "x", CHART, "--set", "controller.replicas=many"], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "replicas" in done.stderr

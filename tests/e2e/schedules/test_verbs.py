"""The commands about what is stored, verb by verb on a real cluster, and the ways to reach it."""

import base64
import json
import pathlib
import uuid
from concurrent.futures import ThreadPoolExecutor

import yaml
from tests.e2e.conftest import Cluster

SPEC = {"entrypoint": "main", "templates": [{"name": "main", "container": {"image": "alpine", "command": ["echo", "from {{workflow.name}}"]}}]}
API = "argoproj.io/v1alpha1"


GROUPS = {"template": "WorkflowTemplate", "cluster-template": "ClusterWorkflowTemplate", "cron": "CronWorkflow"}


def test_what_is_stored_lives_through_all_verbs(cluster: Cluster, tmp_path: pathlib.Path) -> None:
    with ThreadPoolExecutor(len(GROUPS)) as pool:
        for done in [pool.submit(live_through, cluster, tmp_path / f"{group}.yaml", group) for group in GROUPS]:
            done.result()


def live_through(cluster: Cluster, file: pathlib.Path, group: str) -> None:
    name, kind = f"verbs-{uuid.uuid4().hex[:6]}", GROUPS[group]
    inner = {"schedules": ["0 0 29 2 *"], "workflowSpec": SPEC} if group == "cron" else SPEC

    def write(**labels: str) -> pathlib.Path:
        file.write_text(yaml.safe_dump({"apiVersion": API, "kind": kind, "metadata": {"name": name, "labels": labels}, "spec": inner}))
        return file

    def labels() -> dict[str, str]:
        found: dict[str, str] = json.loads(cluster.tiphys(group, "get", name, "-o", "json"))["metadata"]["labels"]
        return found

    assert "no linting errors" in cluster.tiphys(group, "lint", write(made="1"))
    try:
        assert name in cluster.tiphys(group, "create", file, "-o", "name")
        assert name in cluster.tiphys(group, "list")
        assert labels() == {"made": "1"}
        cluster.tiphys(group, "update", write(made="2"))
        assert labels() == {"made": "2"}
        cluster.tiphys(group, "apply", write(made="3"))
        assert labels() == {"made": "3"}
        if group == "cron":
            for verb, is_suspended in (("suspend", True), ("resume", False)):
                cluster.tiphys("cron", verb, name)
                assert json.loads(cluster.tiphys("cron", "get", name, "-o", "json"))["spec"]["suspend"] is is_suspended
        source = {"template": "workflowtemplate", "cluster-template": "clusterworkflowtemplate", "cron": "cronwf"}[group]
        assert f"from {name}-" in cluster.tiphys("submit", "--from", f"{source}/{name}", "--log")
    finally:
        cluster.tiphys(group, "delete", name)
    assert name not in cluster.tiphys(group, "list", "-o", "name")


def test_the_cluster_is_reached_as_flags_say_and_on_behalf_of_others(cluster: Cluster, tmp_path: pathlib.Path) -> None:
    config = json.loads(cluster.kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json"))
    authority = tmp_path / "ca.crt"
    authority.write_bytes(base64.b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"]))
    cluster.kubectl("create", "serviceaccount", "reader")
    cluster.kubectl("create", "role", "reader", "--verb=get,list", "--resource=workflows.argoproj.io")
    cluster.kubectl("create", "rolebinding", "reader", "--role=reader", f"--serviceaccount={cluster.namespace}:reader")
    token = cluster.kubectl("create", "token", "reader").strip()
    (tmp_path / "empty").write_text("{}")
    bare = Cluster(str(tmp_path / "empty"), cluster.namespace)
    place = ("--server", config["clusters"][0]["cluster"]["server"], "--token", token)
    for trusts in (("--certificate-authority", authority), ("--insecure-skip-tls-verify",)):
        assert bare.tiphys("list", *place, *trusts) == "No workflows found\n"
    bare.tiphys("list", *place, code=1)
    (tmp_path / "w.yaml").write_text(yaml.safe_dump({"apiVersion": API, "kind": "Workflow", "metadata": {"name": "w"}, "spec": SPEC}))
    reader = f"system:serviceaccount:{cluster.namespace}:reader"
    assert cluster.tiphys("list", "--as", reader) == "No workflows found\n"
    cluster.tiphys("submit", tmp_path / "w.yaml", "--as", reader, code=1)
    cluster.tiphys("submit", tmp_path / "w.yaml", "--as", reader, "--as-group", "system:masters")

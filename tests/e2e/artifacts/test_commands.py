"""Examples as people write them, the commands for artifacts, and artifact collection, on a real cluster with real stores."""

import json
import pathlib
import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.e2e.artifacts.conftest import Outage, Servers, Space, Submit
from tests.e2e.conftest import ROOT
from tests.e2e.server.client import Argo, serving
from tests.servers.nginx import PASSWORD, USER


def until(reached: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.3)


def shell(script: str, **more: Any) -> dict[str, Any]:
    return {"name": "main", "container": {"image": "alpine", "command": ["sh", "-c"], "args": [script]}, **more}


def artifact(name: str, strategy: str = "") -> dict[str, Any]:
    return {"name": name, "path": f"/{name}", **({"artifactGC": {"strategy": strategy}} if strategy else {})}


def objects(servers: Servers, name: str) -> list[str]:
    folder = servers.store.folder / "data/artifacts" / name / name
    return sorted(path.name for path in folder.glob("*")) if folder.exists() else []


def three(first: str = "OnWorkflowCompletion") -> dict[str, Any]:
    outputs = [artifact("soon", first), artifact("late"), artifact("keep", "Never")]
    return shell("for i in soon late keep; do echo $i > /$i; done", outputs={"artifacts": outputs})


def in_a_volume() -> dict[str, Any]:
    """A script whose input and output lie in a volume of its user's, mirrored by a sidecar."""
    mounts = [{"name": "work", "mountPath": "/work"}]
    script = {"image": "alpine", "command": ["sh"], "volumeMounts": mounts,
              "source": "until [ -e /work/seen ]; do sleep 0.2; done; cat /work/in/a /work/seen; cp /work/in/a /work/out"}  # fmt: skip
    side = {"name": "side", "image": "alpine", "command": ["sh", "-c"], "args": ["cp /work/in/a /work/seen; sleep 1000"], "mirrorVolumeMounts": True}
    inputs = {"artifacts": [{"name": "in", "path": "/work/in/a", "raw": {"data": "raw words\n"}}]}
    outputs = {"artifacts": [{"name": "out", "path": "/work/out", "archive": {"none": {}}}]}
    return {"name": "main", "script": script, "sidecars": [side], "inputs": inputs, "outputs": outputs}


def a_set() -> dict[str, Any]:
    """Containers one after another, all with the input, each with a log."""
    one = {"image": "alpine", "command": ["sh", "-c"]}
    containers = [{"name": "first", **one, "args": ["echo first $(cat /in)"]},
                  {"name": "main", **one, "args": ["echo main $(cat /in); cp /in /out"], "dependencies": ["first"]}]  # fmt: skip
    inputs = {"artifacts": [{"name": "in", "path": "/in", "raw": {"data": "words"}}]}
    return {"name": "main", "containerSet": {"containers": containers}, "inputs": inputs, "outputs": {"artifacts": [artifact("out")]}}


@pytest.fixture(scope="module", autouse=True)
def names(submit: Submit, space: Space, servers: Servers) -> dict[str, str]:
    gc = {"strategy": "OnWorkflowDeletion"}
    submit("collected", [three()], artifactGC=gc)
    submit("outlived", [three("OnWorkflowDeletion")], artifactGC=gc, artifactRepositoryRef={"key": "outage"})
    submit("forced", [three("OnWorkflowDeletion")], artifactGC=gc)
    submit("deleted-early", [shell("sleep 1000", outputs={"artifacts": [artifact("out")]})], artifactGC=gc)
    submit("failed", [shell("echo last words; exit 3", outputs={"artifacts": [artifact("out")]})], archiveLogs=True)
    submit("volume", [in_a_volume()], volumes=[{"name": "work", "emptyDir": {}}])
    submit("set", [a_set()], archiveLogs=True)
    space.kubectl("create", "secret", "generic", "git-credentials", f"--from-literal=username={USER}", f"--from-literal=password={PASSWORD}")
    space.kubectl("create", "secret", "generic", "git-key", f"--from-literal=ssh-private-key={servers.ssh.key}")
    git = space.submit(ROOT / "examples/git-input.yaml", "-p", f"repo={servers.web.url}/private/app.git", "-p", "revision=v1.0", "-o", "name")
    ssh = space.submit(ROOT / "examples/git-input-ssh.yaml", "-p", f"repo={servers.ssh.url('app.git')}", "-p", "revision=feature/x", "-o", "name")
    return {"logs": space.create("examples/archive-logs.yaml"), "passing": space.create("examples/artifact-passing.yaml"),
            "git": git.strip(), "ssh": ssh.strip()}  # fmt: skip


def test_the_example_keeps_its_log_and_its_pod_goes(space: Space, names: dict[str, str]) -> None:
    assert space.finished(names["logs"], 150)["status"]["phase"] == "Succeeded"
    until(lambda: names["logs"] not in space.kubectl("get", "pods", "-o", "name"))
    assert f"{names['logs']}: < hello world >\n" in space.logs(names["logs"])


def test_an_artifact_is_passed_on_listed_and_copied(space: Space, names: dict[str, str], tmp_path: Any) -> None:
    found = space.finished(names["passing"], 150)
    assert found["status"]["phase"] == "Succeeded", found["status"]
    assert space.logs(names["passing"]).count("< hello world >") == 2
    assert "hello-art" in space.tiphys("get", names["passing"], "-o", "wide")
    (listed,) = space.tiphys("cp", names["passing"], "--list").splitlines()
    node, name, place = listed.split()
    assert (name, place) == ("hello-art", "s3://artifacts/" + found["status"]["nodes"][node]["outputs"]["artifacts"][0]["s3"]["key"])
    space.tiphys("cp", names["passing"], tmp_path, "--path", "{artifactName}")
    assert (tmp_path / "hello-art/hello-art.tgz").read_bytes().startswith(b"\x1f\x8b")


def test_argos_own_command_line_copies_artifacts_through_the_server(space: Space, names: dict[str, str], tmp_path: pathlib.Path) -> None:
    for name in (names["passing"], "set"):
        assert space.finished(name, 150)["status"]["phase"] == "Succeeded"
        space.tiphys("cp", name, tmp_path / "ours", "--path", "{workflowName}/{artifactName}")
    space.kubectl("create", "serviceaccount", "copier")
    space.kubectl("create", "rolebinding", "copier", "--clusterrole=cluster-admin", f"--serviceaccount={space.namespace}:copier")
    token = f"Bearer {space.kubectl('create', 'token', 'copier').strip()}"
    with serving(space.kubeconfig, "--auth-mode", "client", "--managed-namespace", space.namespace) as address:
        served = {"ARGO_SERVER": address, "ARGO_HTTP1": "true", "ARGO_SECURE": "false", "ARGO_TOKEN": token, "KUBECONFIG": "/dev/null"}
        ask = Argo(space.namespace, served)
        ask.run("cp", names["passing"], tmp_path / "argos", "--path", "{workflowName}/{artifactName}", "--artifact-name", "hello-art")
        ask.run("cp", "set", tmp_path / "argos", "--path", "{workflowName}/{artifactName}", "--template-name", "main")
    ours, argos = (files(tmp_path / whose) for whose in ("ours", "argos"))
    assert argos == ours
    assert {path.name for path in argos} == {"hello-art.tgz", "first.log", "main.log", "out.tgz"}
    assert next(content for path, content in argos.items() if path.name == "main.log") == b"main words\n"


def files(folder: pathlib.Path) -> dict[pathlib.Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_git_examples_build_in_a_checkout(space: Space, names: dict[str, str]) -> None:
    for kind, words in {"git": ("HEAD detached", "VERSION", "1.0"), "ssh": ("feature", "VERSION")}.items():
        found = space.finished(names[kind], 150)
        assert found["status"]["phase"] == "Succeeded", found["status"]
        shown = space.logs(names[kind])
        assert all(word in shown for word in words), shown


def test_inputs_and_outputs_may_lie_in_a_volume_that_a_sidecar_sees(space: Space, servers: Servers) -> None:
    found = space.finished("volume", 150)
    assert found["status"]["phase"] == "Succeeded", found["status"]
    assert space.logs("volume").count("raw words") == 2
    assert objects(servers, "volume") == ["out"]


def test_each_container_of_a_set_has_its_log_and_all_have_the_input(space: Space, servers: Servers) -> None:
    found = space.finished("set", 150)
    assert found["status"]["phase"] == "Succeeded", found["status"]
    assert objects(servers, "set") == ["first.log", "main.log", "out.tgz"]
    space.kubectl("delete", "pod", "set", "--wait=true", "--timeout=60s")
    assert space.tiphys("logs", "set", "-c", "first") == "set: first words\n"
    assert space.logs("set") == "set: main words\n"


def test_a_failed_step_keeps_its_log_and_its_own_message(space: Space) -> None:
    found = space.finished("failed", 150)
    assert (found["status"]["phase"], found["status"]["message"]) == ("Failed", "main: Error (exit code 3)")
    (node,) = found["status"]["nodes"].values()
    assert [one["name"] for one in node["outputs"]["artifacts"]] == ["main-logs"]


def test_a_file_is_uploaded_at_submit(space: Space, tmp_path: Any) -> None:
    inputs = {"artifacts": [{"name": "given", "path": "/given", "mode": 0o400}]}
    body = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": "given"},
            "spec": {"entrypoint": "main", "arguments": {"artifacts": [{"name": "given"}]},
                     "templates": [shell("stat -c %a /given; cat /given", inputs=inputs)]}}  # fmt: skip
    (tmp_path / "given.json").write_text(json.dumps(body))
    (tmp_path / "words.txt").write_text("given words\n")
    space.submit(tmp_path / "given.json", "-a", f"given=@{tmp_path / 'words.txt'}")
    assert space.finished("given", 150)["status"]["phase"] == "Succeeded"
    assert space.logs("given") == "given: 400\ngiven: given words\n"


def test_artifacts_are_collected_when_their_time_has_come(space: Space, servers: Servers) -> None:
    found = space.finished("collected", 150)
    assert found["metadata"]["finalizers"] == ["workflows.argoproj.io/artifact-gc"]
    until(lambda: objects(servers, "collected") == ["keep.tgz", "late.tgz"])
    found = space.wait_until("collected", lambda w: True in w["status"]["artifactGCStatus"]["podsRecouped"].values())
    (node,) = found["status"]["nodes"].values()
    assert [(one["name"], one.get("deleted", False)) for one in node["outputs"]["artifacts"]] == [
        ("soon", True), ("late", False), ("keep", False)]  # fmt: skip
    assert found["status"]["artifactGCStatus"]["strategiesProcessed"] == {"OnWorkflowCompletion": True}
    space.kubectl("delete", "workflow", "collected", "--timeout=60s")
    assert objects(servers, "collected") == ["keep.tgz"]


def test_a_forced_deletion_waits_for_nothing(space: Space, servers: Servers) -> None:
    space.finished("forced", 150)
    space.tiphys("delete", "forced", "--force")
    assert "forced" not in space.kubectl("get", "workflows", "-o", "name")
    assert objects(servers, "forced") == ["keep.tgz", "late.tgz", "soon.tgz"]


def test_a_workflow_that_is_deleted_while_it_runs_goes(space: Space) -> None:
    space.wait_until("deleted-early", lambda w: "Running" in [n["phase"] for n in w["status"].get("nodes", {}).values()], 150)
    space.kubectl("delete", "workflow", "deleted-early", "--timeout=90s")


def test_a_store_that_is_gone_and_a_namespace_that_ends_hold_no_workflow(space: Space, outage: Outage) -> None:
    assert space.finished("outlived", 150)["status"]["phase"] == "Succeeded"
    outage.stop()
    try:
        space.kubectl("delete", "namespace", space.namespace, "--timeout=150s")
        assert "outlived" not in space.kubectl("get", "workflows", "-o", "name", check=False)
    finally:
        outage.start()

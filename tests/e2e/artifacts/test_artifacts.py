"""Artifacts, git inputs and archived logs on a real cluster, with real stores behind."""

import json
import time
from typing import Any

import pytest
from tests.e2e.artifacts.conftest import WRONG, Outage, Servers, Space, Submit
from tests.e2e.conftest import ControllerProcess
from tests.servers.minio import KEYS
from tests.servers.nginx import PASSWORD

CANARIES = (KEYS.secret, PASSWORD, WRONG, "BEGIN OPENSSH PRIVATE KEY")
FILES = 50


def shell(name: str, script: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "container": {"image": "alpine", "command": ["sh", "-c"], "args": [script], **more.pop("container", {})}, **more}


def produce(name: str, script: str, path: str, **more: Any) -> dict[str, Any]:
    return shell(name, script, outputs={"artifacts": [{"name": "out", "path": path, **more}]})


def consume(name: str, script: str, path: str, **more: Any) -> dict[str, Any]:
    return shell(name, script, inputs={"artifacts": [{"name": "in", "path": path, **more}]})


def passed(step: str, template: str, source: str) -> dict[str, Any]:
    return {"name": step, "template": template, "arguments": {"artifacts": [{"name": "in", "from": f"{{{{{source}.outputs.artifacts.out}}}}"}]}}


def git_input(servers: Servers, **more: Any) -> dict[str, Any]:
    git = {"repo": f"{servers.web.url}/private/app.git", "revision": "v1.0", "usernameSecret": {"name": "git", "key": "username"},
           "passwordSecret": {"name": "git", "key": "password"}}  # fmt: skip
    return {"artifacts": [{"name": "source", "path": "/src", "git": more or git}]}


def listed() -> list[dict[str, Any]]:
    """Files are made, listed by a data template that picks some, and each of those is read by a step of its own."""
    key = "{{workflow.name}}/in"
    make = produce("make", "mkdir -p /o/sub; echo first > /o/a.txt; echo no > /o/b.log; echo third > /o/sub/c.txt", "/o", s3={"key": key}, archive={"none": {}})
    pick = {"name": "pick", "data": {"source": {"artifactPaths": {"name": "files", "s3": {"key": key}}},
                                     "transformation": [{"expression": "filter(data, {# endsWith '.txt'})"}]}}  # fmt: skip
    read = consume("read", "cat /in", "/in", s3={"key": "{{inputs.parameters.file}}"})
    read["inputs"]["parameters"] = [{"name": "file"}]
    each = {"name": "read", "template": "read", "withParam": "{{steps.pick.outputs.result}}",
            "arguments": {"parameters": [{"name": "file", "value": "{{item}}"}]}}  # fmt: skip
    return [{"name": "main", "steps": [[{"name": "make", "template": "make"}], [{"name": "pick", "template": "pick"}], [each]]}, make, pick, read]


@pytest.fixture(scope="module", autouse=True)
def _all(submit: Submit, servers: Servers) -> None:
    submit("logs", [shell("main", "echo to out; echo to err >&2; for i in $(seq 1000); do echo line $i; done")], archiveLogs=True, podGC={"strategy": "OnPodCompletion"})
    build = "git status && ls && cat VERSION && sh -c 'tar cf /built.tar VERSION && tar tf /built.tar'"
    submit("git-http", [shell("main", build, container={"workingDir": "/src"}, inputs=git_input(servers))])
    by_key = {"repo": servers.ssh.url("app.git"), "sshPrivateKeySecret": {"name": "ssh", "key": "key"}, "insecureIgnoreHostKey": True}
    submit("git-ssh", [shell("main", "git status && cat VERSION lib/lib.txt", container={"workingDir": "/src"}, inputs=git_input(servers, **by_key))])
    steps = [[{"name": "a", "template": "a"}], [passed("b", "b", "steps.a")]]
    submit("passing", [{"name": "main", "steps": steps}, produce("a", "mkdir -p /o/sub; echo deep > /o/sub/f; chmod 750 /o/sub/f", "/o"),
                       consume("b", "cat /in/sub/f; stat -c %a /in/sub/f", "/in")])  # fmt: skip
    many = "mkdir /o; for i in $(seq 1 50); do head -c 2000 /dev/urandom > /o/$i; done; sha256sum /o/* | sed 's|/o/||' > /sums; mv /sums /o/sums"
    part = {**consume("part", "sha256sum /in/$(( {{inputs.parameters.i}} )) > /dev/null && grep -c . /in/sums", "/in"), "outputs": {"artifacts": [
        {"name": "out", "path": "/in/sums", "s3": {"key": "{{workflow.name}}/parts/{{inputs.parameters.i}}"}, "archive": {"none": {}}}]}}  # fmt: skip
    part["inputs"]["parameters"] = [{"name": "i"}]
    fan = {"name": "fan", "template": "part", "depends": "split", "withSequence": {"count": "5", "start": "1"}, "arguments": {
        "parameters": [{"name": "i", "value": "{{item}}"}], "artifacts": [{"name": "in", "from": "{{tasks.split.outputs.artifacts.out}}"}]}}  # fmt: skip
    joined = {"name": "join", "template": "join", "depends": "fan", "arguments": {"artifacts": [
        {"name": "in", "from": "{{tasks.split.outputs.artifacts.out}}"}, {"name": "parts", "s3": {"key": "{{workflow.name}}/parts"}}]}}  # fmt: skip
    join = consume("join", "cd /in && sha256sum -c sums | grep -c OK; ls /parts | wc -l", "/in")
    join["inputs"]["artifacts"].append({"name": "parts", "path": "/parts"})
    submit("fan", [{"name": "main", "dag": {"tasks": [{"name": "split", "template": "split"}, fan, joined]}}, produce("split", many, "/o"), part, join])
    submit("listed", listed())
    once = produce("main", "echo x > /x", "/x")
    submit("wrong-keys", [once], artifactRepositoryRef={"key": "wrong-keys"})
    submit("no-bucket", [once], artifactRepositoryRef={"key": "no-bucket"})
    submit("missing", [produce("main", "true", "/none")])
    submit("optional", [produce("main", "true", "/none", optional=True)])
    submit("never-started", [shell("main", "true", container={"workingDir": "/etc/passwd"})], archiveLogs=True)
    greedy = {"resources": {"limits": {"memory": "48Mi"}}}
    submit("greedy", [shell("main", "echo hungry; exec tail /dev/zero", container=greedy)], archiveLogs=True)
    submit("stopped", [shell("main", "echo before; trap '' TERM; while :; do sleep 1; done")], archiveLogs=True)


def test_logs_are_in_the_store_and_shown_when_the_pod_is_gone(space: Space, servers: Servers) -> None:
    found = space.finished("logs", 150)
    assert found["status"]["phase"] == "Succeeded"
    end = time.monotonic() + 60
    while "logs" in space.kubectl("get", "pods", "-o", "name"):
        assert time.monotonic() < end
        time.sleep(0.3)
    shown = space.logs("logs")
    lines = [line.rpartition("] ")[2].rpartition(": ")[2] for line in shown.splitlines()]
    assert lines.count("to err") == 1  # two streams: which comes first is nobody's promise
    assert [line for line in lines if line != "to err"] == ["to out", *(f"line {i}" for i in range(1, 1001))]
    (node,) = found["status"]["nodes"].values()
    (log,) = node["outputs"]["artifacts"]
    assert log["name"] == "main-logs"
    assert log["s3"] == {"key": "logs/logs/main.log"}
    assert (servers.store.folder / "data/artifacts/logs/logs/main.log").exists()


def test_a_private_repository_is_checked_out_over_http_at_a_tag_and_built(space: Space) -> None:
    found = space.finished("git-http", 150)
    assert found["status"]["phase"] == "Succeeded", found["status"]
    shown = space.logs("git-http")
    for part in ("nothing to commit, working tree clean", "VERSION", "1.0"):
        assert part in shown


def test_a_repository_is_checked_out_over_ssh_with_its_submodule(space: Space) -> None:
    found = space.finished("git-ssh", 150)
    assert found["status"]["phase"] == "Succeeded", found["status"]
    shown = space.logs("git-ssh")
    assert "3.0" in shown
    assert "library" in shown


def test_a_step_gets_what_another_made_with_its_modes(space: Space) -> None:
    found = space.finished("passing", 150)
    assert found["status"]["phase"] == "Succeeded", found["status"]
    shown = space.logs("passing")
    assert "deep" in shown
    assert "750" in shown


def test_fifty_files_go_out_to_many_and_come_together_again(space: Space) -> None:
    found = space.finished("fan", 200)
    assert found["status"]["phase"] == "Succeeded", found["status"]
    joined = [line.rpartition(": ")[2] for line in space.logs("fan").splitlines() if "join" in line or line.strip().isdigit()]
    assert str(FILES) in joined
    assert "5" in joined


def test_a_data_template_lists_a_store_and_each_file_that_it_picks_is_read(space: Space) -> None:
    found = space.finished("listed", 200)
    assert found["status"]["phase"] == "Succeeded", found["status"]
    (picked,) = [node for node in found["status"]["nodes"].values() if node["displayName"] == "pick"]
    assert json.loads(picked["outputs"]["result"]) == ["listed/in/a.txt", "listed/in/sub/c.txt"]
    shown = space.logs("listed")
    assert "first" in shown
    assert "third" in shown
    assert "no" not in [line.rpartition(": ")[2] for line in shown.splitlines()]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("wrong-keys", 'failed to save artifact "out" (s3, bucket "artifacts", key "wrong-keys/wrong-keys/out.tgz"): SignatureDoesNotMatch'),
        ("no-bucket", 'failed to save artifact "out" (s3, bucket "no-such-bucket", key "no-bucket/no-bucket/out.tgz"): NoSuchBucket'),
        ("missing", 'failed to save artifact "out" (s3, bucket "artifacts", key "missing/missing/out.tgz"): path /none does not exist'),
    ],
)
def test_what_cannot_be_saved_is_an_error_with_its_place_and_reason(space: Space, name: str, message: str) -> None:
    found = space.finished(name, 150)
    assert found["status"]["phase"] == "Error"
    assert f"wait: Error (exit code 64): {message}" in found["status"]["message"]


def test_an_optional_output_that_is_not_there_is_left_out(space: Space) -> None:
    found = space.finished("optional", 150)
    assert found["status"]["phase"] == "Succeeded"
    (node,) = found["status"]["nodes"].values()
    assert "artifacts" not in node.get("outputs", {})


def test_a_stopped_pod_has_its_log_saved_though_its_command_is_deaf(space: Space, servers: Servers) -> None:
    space.wait_until("stopped", lambda w: any(n["phase"] == "Running" for n in w.get("status", {}).get("nodes", {}).values()), 120)
    log = servers.store.folder / "data/artifacts/stopped/stopped/main.log"
    time.sleep(2)
    space.tiphys("terminate", "stopped")
    end = time.monotonic() + 60
    while not log.exists():
        assert time.monotonic() < end
        time.sleep(0.5)
    assert space.finished("stopped", 60)["status"]["phase"] == "Failed"


def test_a_container_that_cannot_start_does_not_keep_the_one_that_saves_waiting(space: Space) -> None:
    found = space.finished("never-started", 150)
    assert found["status"]["phase"] == "Failed"
    assert "StartError" in found["status"]["message"]


def test_a_container_that_needs_too_much_memory_has_its_log_saved(space: Space, servers: Servers) -> None:
    found = space.finished("greedy", 150)
    assert (found["status"]["phase"], found["status"]["message"]) == ("Failed", "main: OOMKilled (exit code 137)")
    assert (servers.store.folder / "data/artifacts/greedy/greedy/main.log").exists()


def test_a_store_that_is_away_for_half_a_minute_only_delays(space: Space, outage: Outage, submit: Submit) -> None:
    slow = produce("a", "echo kept > /x", "/x")
    steps = [[{"name": "a", "template": "a"}], [{"name": "pause", "template": "pause"}], [passed("b", "b", "steps.a")]]
    submit("outage", [{"name": "main", "steps": steps}, slow, {"name": "pause", "suspend": {}}, consume("b", "cat /in", "/in")], artifactRepositoryRef={"key": "outage"})
    space.wait_until("outage", lambda w: any(n["type"] == "Suspend" and n["phase"] == "Running" for n in w.get("status", {}).get("nodes", {}).values()), 120)
    outage.stop()
    space.tiphys("resume", "outage")
    time.sleep(30)
    assert space.workflow("outage")["status"]["phase"] == "Running"
    outage.start()
    found = space.finished("outage", 120)
    assert found["status"]["phase"] == "Succeeded", found["status"]
    assert "kept" in space.logs("outage")


def test_no_secret_is_told_anywhere(space: Space, keeper: ControllerProcess) -> None:
    for name in ("git-http", "git-ssh", "passing", "wrong-keys", "no-bucket"):
        space.finished(name, 150)
    told = {what: space.kubectl("get", what, "-o", "yaml") for what in ("pods", "workflows", "events", "configmaps")}
    told["controller"] = keeper.log.read_text()
    for pod in json.loads(space.kubectl("get", "pods", "-o", "json"))["items"]:
        told[pod["metadata"]["name"]] = space.kubectl("logs", pod["metadata"]["name"], "--all-containers", check=False)
        main = next(one for one in pod["spec"]["containers"] if one["name"] == "main")
        # the program of a data template is ours: it lists the store itself
        is_ours = "tiphys.io/data-template" in pod["metadata"]["annotations"]
        assert is_ours or not [mount for mount in main["volumeMounts"] if mount["mountPath"].startswith("/argo/secret")]
    for canary in CANARIES:
        assert [what for what, text in told.items() if canary in text] == []

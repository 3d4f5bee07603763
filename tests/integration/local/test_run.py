"""Workflows on this machine: values, files, artifacts, sidecars, retries, suspension, interruption, crashes."""

import json
import pathlib
import re
import signal
import subprocess
import sys

import pytest
from tests.integration.local.conftest import Home, nodes

MAIN = "entrypoint: main\ntemplates:\n"


def leaf(command: str, name: str = "main", **more: str) -> str:
    """A container template that runs a shell command."""
    fields = "".join(f", {key}: {value}" for key, value in more.items())
    return f"- {{name: {name}, container: {{image: alpine, command: [sh, -c, {command!r}]}}{fields}}}\n"


def test_the_diamond_runs_with_its_logs_and_is_remembered(home: Home) -> None:
    said = home.tiphys("run", "examples/dag-diamond.yaml", "--runtime", "process")
    assert "images are ignored" in said
    assert [line[-1] for line in said.splitlines() if re.match(r"dag-diamond-\w+-echo-\d+: ", line)] in (list("ABCD"), list("ACBD"))
    assert "Succeeded" in home.tiphys("list", "--local")
    assert home.tiphys("logs", "@latest", "--local").count(": ") == 4


def test_results_parameters_and_arguments_pass_between_steps(home: Home) -> None:
    spec = MAIN + (
        "- {name: main, steps: [[{name: a, template: make}], [{name: b, template: use, arguments: {parameters: "
        "[{name: x, value: '{{steps.a.outputs.result}} {{steps.a.outputs.parameters.out}}'}]}}]],"
        " outputs: {parameters: [{name: all, valueFrom: {parameter: '{{steps.b.outputs.result}}'}}]}}\n"
        "- {name: make, script: {image: python:3.8, command: [python3], source: \"open('/tmp/out','w').write('file'); print('line')\"},"
        " outputs: {parameters: [{name: out, valueFrom: {path: /tmp/out}}]}}\n"
        "- {name: use, inputs: {parameters: [{name: x}]}, container: {image: alpine, command: [echo, '{{workflow.parameters.who}} {{inputs.parameters.x}}']}}\n"
    )
    file = home.workflow(spec + "arguments: {parameters: [{name: who, value: nobody}]}\n")
    done = home.run(file, "-p", "who=me")
    outputs = done["status"]["nodes"]["w"]["outputs"]["parameters"]
    assert outputs == [{"name": "all", "value": "me line file"}]


def test_what_a_step_writes_stays_in_its_own_view(home: Home) -> None:
    spec = MAIN + leaf("echo secret > /tmp/tiphys-must-not-see; mkdir -p /src/deep && echo x > /src/deep/f; pwd", workingDir="x").replace(
        ", workingDir: x", ", outputs: {parameters: [{name: f, valueFrom: {path: /src/deep/f}}]}"
    )
    done = home.run(home.workflow(spec))
    assert done["status"]["phase"] == "Succeeded"
    assert done["status"]["nodes"]["w"]["outputs"]["parameters"][0]["value"] == "x"
    assert not pathlib.Path("/tmp/tiphys-must-not-see").exists()  # noqa: S108
    assert not pathlib.Path("/src/deep").exists()


def test_artifacts_pass_between_steps_by_a_store_of_this_machine(home: Home) -> None:
    spec = MAIN + (
        "- {name: main, dag: {tasks: [{name: a, template: make}, {name: b, template: use, depends: a,"
        " arguments: {artifacts: [{name: f, from: '{{tasks.a.outputs.artifacts.out}}'}]}}]}}\n"
        "- {name: make, container: {image: alpine, command: [sh, -c, 'mkdir -p /out/a && echo one > /out/a/1 && echo two > /out/2']},"
        " outputs: {artifacts: [{name: out, path: /out}]}}\n"
        "- {name: use, inputs: {artifacts: [{name: f, path: /in}]}, container: {image: alpine, command: [sh, -c, 'cat /in/a/1 /in/2']}}\n"
    )
    home.run(home.workflow(spec))
    assert [line.rpartition(": ")[2] for line in home.tiphys("logs", "w", "--local").splitlines()] == ["one", "two"]


def test_retries_exit_handlers_loops_and_failures_are_as_in_a_cluster(home: Home) -> None:
    spec = "onExit: bye\n" + MAIN + (
        "- {name: main, steps: [[{name: flaky, template: flaky}, {name: loop, template: say, withItems: [1, 2]}], [{name: bad, template: bad}]]}\n"
    ) + leaf("test {{retries}} -ge 1", "flaky", retryStrategy="{limit: 2}") + leaf("echo hi", "say") + leaf("exit 3", "bad") + leaf(
        "echo {{workflow.status}}", "bye"
    )  # fmt: skip
    done = home.run(home.workflow(spec), code=1)
    assert nodes(done) == {
        "w": ("Steps", "Failed"), "[0]": ("StepGroup", "Succeeded"), "[1]": ("StepGroup", "Failed"),
        "flaky": ("Retry", "Succeeded"), "flaky(0)": ("Pod", "Failed"), "flaky(1)": ("Pod", "Succeeded"),
        "loop(0:1)": ("Pod", "Succeeded"), "loop(1:2)": ("Pod", "Succeeded"), "bad": ("Pod", "Failed"), "w.onExit": ("Pod", "Succeeded"),
    }  # fmt: skip
    assert "Failed" in home.tiphys("logs", "w", "--local")


def test_sidecars_share_volumes_and_end_with_main(home: Home) -> None:
    spec = MAIN + (
        "- {name: main, volumes: [{name: d, emptyDir: {}}], container: {image: alpine, command: [sh, -c, 'until [ -s /d/x ]; do sleep 0.05; done; cat /d/x'],"
        " volumeMounts: [{name: d, mountPath: /d}]},"
        " sidecars: [{name: s, image: alpine, command: [sh, -c, 'echo beside > /d/x; sleep 60'], mirrorVolumeMounts: true}]}\n"
    )
    home.run(home.workflow(spec))
    assert "beside" in home.tiphys("logs", "w", "--local")


def test_daemons_run_on_beside_what_needs_them_and_end_with_their_boundary(home: Home) -> None:
    spec = MAIN + (
        "- {name: main, steps: [[{name: server, template: server}], [{name: client, template: client, arguments: {parameters: [{name: ip, value: '{{steps.server.ip}}'}]}}]]}\n"
        "- {name: server, daemon: true, container: {image: alpine, command: [sh, -c, 'sleep 60']}}\n"
    ) + leaf("echo {{inputs.parameters.ip}}", "client", inputs="{parameters: [{name: ip}]}")
    done = home.run(home.workflow(spec), "--parallel", "1")
    assert nodes(done)["server"] == ("Pod", "Succeeded")
    assert "127.0.0.1" in home.tiphys("logs", "w", "--local")


def test_a_suspended_step_takes_its_answer_from_the_command_line(home: Home) -> None:
    spec = MAIN + (
        "- {name: main, steps: [[{name: ask, template: ask}], [{name: wait, template: wait}],"
        " [{name: say, template: say, arguments: {parameters: [{name: x, value: '{{steps.ask.outputs.parameters.colour}}'}]}}]]}\n"
        "- {name: ask, suspend: {}, outputs: {parameters: [{name: colour, valueFrom: {supplied: {}}}]}}\n"
        "- {name: wait, suspend: {}}\n"
        "- {name: say, inputs: {parameters: [{name: x}]}, container: {image: alpine, command: [echo, '{{inputs.parameters.x}}']}}\n"
    )
    home.run(home.workflow(spec), "--answer", "colour=green", "--answer", "wait")
    assert "green" in home.tiphys("logs", "w", "--local")


def test_templates_config_maps_and_secrets_come_from_files(home: Home) -> None:
    folder = home.folder.parent / "more"
    folder.mkdir()
    (folder / "all.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: from-map}\n---\n"
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {b: from-secret}\n---\n"
        "apiVersion: argoproj.io/v1alpha1\nkind: WorkflowTemplate\nmetadata: {name: t}\nspec:\n  templates:\n"
        "  - {name: say, container: {image: alpine, command: [sh, -c, 'echo $A $B $(cat /m/a)'], volumeMounts: [{name: m, mountPath: /m}],"
        " env: [{name: A, valueFrom: {configMapKeyRef: {name: c, key: a}}}, {name: B, valueFrom: {secretKeyRef: {name: s, key: b}}}]},"
        " volumes: [{name: m, configMap: {name: c}}]}\n"
    )
    spec = MAIN + "- {name: main, steps: [[{name: a, templateRef: {name: t, template: say}}]]}\n"
    home.run(home.workflow(spec), "--with", str(folder))
    assert "from-map from-secret from-map" in home.tiphys("logs", "w", "--local")


def test_a_run_that_was_killed_goes_on_where_it_was_and_runs_nothing_twice(home: Home) -> None:
    marks = home.folder.parent / "marks"
    spec = MAIN + (
        "- {name: main, steps: [[{name: a, template: a}], [{name: b, template: b}], [{name: c, template: c}]]}\n"
    ) + leaf(f"echo a >> {marks}", "a") + leaf(f"echo b >> {marks}; test -e {marks}.go || sleep 60", "b") + leaf(f"echo c >> {marks}", "c")
    process = home.start(home.workflow(spec))
    home.until(lambda: marks.exists() and "b" in marks.read_text())
    home.end(process, signal.SIGKILL)
    pathlib.Path(f"{marks}.go").touch()
    assert "w" in home.tiphys("list", "--local", "--running")
    home.tiphys("run", "--resume", "w", "--runtime", "process")
    assert marks.read_text().split() == ["a", "b", "b", "c"]
    assert home.get("w")["status"]["phase"] == "Succeeded"


def test_an_interrupted_run_stops_cleanly_and_goes_on(home: Home) -> None:
    marks = home.folder.parent / "marks"
    spec = MAIN + leaf(f"echo $$ > {marks}; test -e {marks}.go || exec sleep 61")
    process = home.start(home.workflow(spec))
    home.until(lambda: marks.exists() and bool(marks.read_text().strip()))
    code, said = home.end(process, signal.SIGINT)
    assert code == 130
    assert "go on with: tiphys run --resume w" in said
    pid = marks.read_text().strip()
    home.until(lambda: not pathlib.Path(f"/proc/{pid}").exists() or "sleep" not in pathlib.Path(f"/proc/{pid}/cmdline").read_text())
    pathlib.Path(f"{marks}.go").touch()
    home.tiphys("run", "--resume", "@latest", "--runtime", "process")
    assert home.get("w")["status"]["phase"] == "Succeeded"


def test_a_failed_run_is_retried_from_where_it_failed(home: Home) -> None:
    marks = home.folder.parent / "marks"
    spec = MAIN + "- {name: main, steps: [[{name: a, template: a}], [{name: b, template: b}]]}\n" + leaf(f"echo a >> {marks}", "a") + leaf(
        f"test -e {marks}.go", "b"
    )  # fmt: skip
    home.run(home.workflow(spec), code=1)
    pathlib.Path(f"{marks}.go").touch()
    home.tiphys("retry", "w", "--local")
    home.tiphys("run", "--resume", "w", "--runtime", "process")
    assert marks.read_text() == "a\n"
    assert home.get("w")["status"]["phase"] == "Succeeded"


def test_no_more_steps_run_at_a_time_than_was_said(home: Home) -> None:
    marks = home.folder.parent / "marks"
    spec = MAIN + "- {name: main, steps: [[{name: a, template: a, withSequence: {count: '6'}}]]}\n" + leaf(
        f"echo + >> {marks}; sleep 0.1; echo - >> {marks}", "a"
    )  # fmt: skip
    home.run(home.workflow(spec), "--parallel", "2")
    depth, most = 0, 0
    for sign in marks.read_text().split():
        depth += 1 if sign == "+" else -1
        most = max(most, depth)
    assert (most, depth) == (2, 0)


def test_a_deadline_ends_a_step(home: Home) -> None:
    done = home.run(home.workflow(MAIN + leaf("exec sleep 60", activeDeadlineSeconds="1")), code=1)
    assert "deadline" in done["status"]["nodes"]["w"]["message"].lower()


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("- {name: main, container: {image: alpine, args: [x]}}\n", "is not known without a container runtime"),
        ("- {name: main, container: {image: alpine, command: [no-such-program-here]}}\n", "no-such-program-here"),
        ("- {name: main, container: {image: a, command: [x], env: [{name: A, valueFrom: {secretKeyRef: {name: s, key: k}}}]}}\n", "no Secret 's'"),
    ],
)
def test_what_cannot_run_here_says_so(home: Home, spec: str, says: str) -> None:
    done = home.run(home.workflow(MAIN + spec), code=1)
    assert says in done["status"]["nodes"]["w"]["message"]


def test_a_workflow_with_faults_is_not_begun(home: Home) -> None:
    assert "did you mean 'main'?" in home.tiphys("run", home.workflow(MAIN.replace("main", "mian") + leaf("true")), "--runtime", "process", code=1)
    assert "No workflows found" in home.tiphys("list", "--local")


def test_processes_are_never_chosen_silently(home: Home) -> None:
    home.environment["PATH"] = "/nowhere"
    said = home.tiphys("run", home.workflow(MAIN + leaf("true")), code=1)
    assert "no container runtime works here" in said
    assert "--runtime process" in said


def test_a_run_that_is_under_way_is_not_taken_by_another_program(home: Home) -> None:
    process = home.start(home.workflow(MAIN + leaf("exec sleep 30")))
    home.until(lambda: "Running" in home.tiphys("list", "--local"))
    assert "is being run by process" in home.tiphys("run", "--resume", "w", "--runtime", "process", code=1)
    home.end(process, signal.SIGINT)


def test_another_terminal_follows_a_run_to_its_end(home: Home) -> None:
    marks = home.folder.parent / "marks"
    running = home.start(home.workflow(MAIN + leaf(f"echo begun > {marks}; until test -e {marks}.go; do sleep 0.05; done")))
    home.until(marks.exists)
    home.until(lambda: home.get("w")["status"].get("phase") == "Running")
    watching = subprocess.Popen(
        [sys.executable, "-m", "tiphys", "wait", "w", "--local"], env=home.environment, text=True, stdout=subprocess.PIPE
    )
    pathlib.Path(f"{marks}.go").touch()
    said, _ = watching.communicate(timeout=60)
    assert "w Succeeded at" in said
    assert running.wait(60) == 0
    assert running.stdout is not None
    running.stdout.close()


def test_logs_refuse_what_is_not_known_of_the_lines_of_this_machine(home: Home) -> None:
    home.run(home.workflow(MAIN + leaf("echo one; echo two")))
    for option in ("--since=1h", "--since-time=2026-01-01T00:00:00Z", "--timestamps", "--previous"):
        said = home.tiphys("logs", "w", "--local", option, code=1)
        assert f"{option.partition('=')[0]}: logs of this machine have no times" in said
    assert home.tiphys("logs", "w", "--local", "--tail", "1") == "w: two\n"


def test_what_was_deleted_or_run_anew_is_in_the_archive_of_this_machine_and_can_be_run_again(home: Home) -> None:
    spec = "entrypoint: main\ntemplates:\n- {name: main, container: {image: alpine, command: [test, -e, %s]}}" % (home.folder.parent / "mark")
    first = home.run(home.workflow(spec), code=1)
    second = home.run(home.workflow(spec), code=1)
    home.tiphys("delete", "w", "--local")
    listed = json.loads(home.tiphys("archive", "list", "--local", "-o", "json"))
    assert [one["metadata"]["uid"] for one in listed] == [one["metadata"]["uid"] for one in (second, first)]
    kept = json.loads(home.tiphys("archive", "get", "w", "--local", "-o", "json"))
    assert kept["status"]["nodes"] == second["status"]["nodes"]
    (home.folder.parent / "mark").touch()
    home.tiphys("archive", "retry", "w", "--local")
    home.tiphys("run", "--resume", "w", "--runtime", "process", "-o", "name")
    third = home.get("w")
    assert third["status"]["phase"] == "Succeeded"
    assert "Succeeded" in home.tiphys("archive", "get", third["metadata"]["uid"], "--local")
    home.tiphys("archive", "resubmit", first["metadata"]["uid"], "--local", "-o", "name")
    home.tiphys("archive", "delete", first["metadata"]["uid"], "--local")
    left = json.loads(home.tiphys("archive", "list", "--local", "-o", "json"))
    assert {one["metadata"]["uid"] for one in left} == {one["metadata"]["uid"] for one in (second, third)}

"""Unit tests of workflows: mocks, virtual time, what can be asked, and what files of cases say."""

import pathlib
import textwrap
from typing import Any

import pytest

from tiphys.cli.app import run
from tiphys.errors import SpecError
from tiphys.testing import Trial
from tiphys.testing.cases import Case, Cases, Coverage, Expected, play, read_cases

ROOT = pathlib.Path(__file__).parents[3]
COIN = ROOT / "examples/conditional-parameters.yaml"

SPEC = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {generateName: w-}
spec:
  entrypoint: main
  arguments: {parameters: [{name: who, value: you}]}
  templates:
  - name: main
    steps:
    - - {name: flaky, template: flaky}
    - - {name: gen, template: gen}
    - - {name: ask, template: ask}
    - - {name: use, template: use, withParam: "{{steps.gen.outputs.parameters.list}}", arguments: {parameters: [{name: x, value: "{{item}}-{{steps.ask.outputs.parameters.colour}}"}]}}
      - {name: get, template: get, arguments: {artifacts: [{name: f, from: "{{steps.gen.outputs.artifacts.file}}"}]}}
  - {name: flaky, retryStrategy: {limit: "3", backoff: {duration: "10"}}, container: {image: x, command: [x, "{{workflow.parameters.who}}"]}}
  - {name: gen, container: {image: x, command: [x]}, outputs: {parameters: [{name: list, valueFrom: {path: /l}}], artifacts: [{name: file, path: /f}]}}
  - {name: ask, suspend: {}, outputs: {parameters: [{name: colour, valueFrom: {supplied: {}}}]}}
  - {name: use, inputs: {parameters: [{name: x}]}, container: {image: x, command: [x]}}
  - {name: get, inputs: {artifacts: [{name: f, path: /f}]}, container: {image: x, command: [x]}}
"""


@pytest.fixture
def file(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "w.yaml"
    path.write_text(SPEC)
    return path


def mocked(file: pathlib.Path) -> Trial:
    trial = Trial.of(file).mock("flaky", fail=2, seconds=5).mock("gen", outputs={"list": '["a","b"]'})
    return trial.mock("ask", answer={"colour": "green"})


def test_a_trial_says_what_happened(file: pathlib.Path) -> None:
    trial = mocked(file).play()
    assert trial.phase == "Succeeded"
    assert trial.tries("flaky") == 3
    assert trial.order == ["flaky", "gen", "use(0:a)", "use(1:b)", "get"]
    assert trial.inputs("use(1:b)") == {"x": "b-green"}
    assert trial.outputs("gen") == {"list": '["a","b"]'}
    assert trial.unused_mocks == []


def test_time_is_virtual(file: pathlib.Path) -> None:
    # three tries of five seconds, two back-offs of ten
    assert mocked(file).play().seconds == pytest.approx(35, abs=2)


def test_arguments_can_be_given(file: pathlib.Path) -> None:
    trial = mocked(file).given(who="me").play()
    assert trial.world.orders[0].template.container == {"image": "x", "command": ["x", "me"]}


def test_a_mock_may_be_for_one_member_of_a_loop_for_a_step_or_for_a_template(file: pathlib.Path) -> None:
    trial = mocked(file).mock("use(1:b)", exit_code=3).play()
    assert (trial.phases["use(0:a)"], trial.phases["use(1:b)"], trial.phase) == ("Succeeded", "Failed", "Failed")


def test_an_error_is_an_error(file: pathlib.Path) -> None:
    assert mocked(file).mock("gen", error="no disk").play().node("gen").message == "no disk"


def test_a_mock_that_nothing_asked_for_is_told(file: pathlib.Path) -> None:
    assert mocked(file).mock("flakey", fail=1).play().unused_mocks == ["flakey"]


def test_a_mock_that_says_nothing_known_is_refused(file: pathlib.Path) -> None:
    with pytest.raises(SpecError, match="did you mean 'exitCode'"):
        Trial.of(file).mock("gen", exitcode=1)


def test_a_workflow_that_waits_for_an_answer_that_nobody_gives_stands_still(file: pathlib.Path) -> None:
    trial = Trial.of(file).mock("gen", outputs={"list": "[]"}).play()
    assert (trial.phase, trial.phases["ask"]) == ("Running", "Running")


def test_templates_of_other_objects_come_from_more_files(tmp_path: pathlib.Path) -> None:
    (tmp_path / "t.yaml").write_text(
        "kind: WorkflowTemplate\nmetadata: {name: t}\nspec: {templates: [{name: say, container: {image: x, command: [x]}}]}\n"
    )
    (tmp_path / "w.yaml").write_text(
        "kind: Workflow\nmetadata: {name: w}\n"
        "spec: {entrypoint: m, templates: [{name: m, steps: [[{name: a, templateRef: {name: t, template: say}}]]}]}\n"
    )
    assert Trial.of(tmp_path / "w.yaml", tmp_path / "t.yaml").play().phases["a"] == "Succeeded"


SHARED = """
kind: ConfigMap
metadata: {name: shared}
data: {greeting: hello, most: "1"}
---
kind: Workflow
metadata: {name: w}
spec:
  entrypoint: m
  arguments: {parameters: [{name: word, valueFrom: {configMapKeyRef: {name: NAME, key: greeting}}}]}
  templates:
  - {name: m, steps: [[{name: a, template: say, withItems: [1, 2]}]]}
  - name: say
    synchronization: {semaphores: [{configMapKeyRef: {name: NAME, key: most}}]}
    inputs: {parameters: [{name: word, value: "{{workflow.parameters.word}}"}]}
    container: {image: x, command: [x]}
"""


def test_parameters_and_limits_come_from_the_config_maps_of_the_files(tmp_path: pathlib.Path) -> None:
    (tmp_path / "w.yaml").write_text(SHARED.replace("NAME", "shared"))
    trial = Trial.of(tmp_path / "w.yaml").mock("say", seconds=10).play()
    assert trial.inputs("a(0:1)") == {"word": "hello"}
    assert (trial.phase, trial.seconds) == ("Succeeded", 20)


def test_a_config_map_that_no_file_has_ends_the_trial_and_is_named(tmp_path: pathlib.Path) -> None:
    (tmp_path / "w.yaml").write_text(SHARED.replace("NAME", "other"))
    trial = Trial.of(tmp_path / "w.yaml").play()
    assert trial.phase == "Failed"
    assert "ConfigMap 'other' does not exist" in trial.workflow.status.message


def test_daemons_have_addresses_and_steps_have_been_on_a_node(tmp_path: pathlib.Path) -> None:
    (tmp_path / "w.yaml").write_text("""
kind: Workflow
metadata: {name: w}
spec:
  entrypoint: m
  templates:
  - name: m
    steps:
    - [{name: server, template: serve}]
    - [{name: a, template: say, arguments: {parameters: [{name: word, value: "{{steps.server.ip}}"}]}}]
    - [{name: b, template: say, arguments: {parameters: [{name: word, value: "{{steps.a.hostNodeName}}"}]}}]
  - {name: serve, daemon: true, container: {image: x, command: [x]}}
  - {name: say, inputs: {parameters: [{name: word}]}, container: {image: x, command: [x]}}
""")
    trial = Trial.of(tmp_path / "w.yaml").play()
    assert trial.phase == "Succeeded"
    assert (trial.inputs("a"), trial.inputs("b")) == ({"word": "192.0.2.1"}, {"word": "trial"})


def test_coverage_counts_templates_and_branches() -> None:
    counts = Coverage()
    counts.add(Trial.of(COIN).mock("flip-coin", result="heads").play())
    assert counts.lines() == ["templates 4/4, branches 2/4", "  never no: main/heads", "  never yes: main/tails"]
    counts.add(Trial.of(COIN).mock("flip-coin", result="tails").play())
    assert counts.percent == 100


def faults_of(file: pathlib.Path, **expect: Any) -> list[str]:
    mocks = {"flaky": {"fail": 1}, "gen": {"outputs": {"list": "[]"}}, "ask": {"answer": {"colour": "red"}}}
    return play(file.parent / "x.test.yaml", Cases(workflow="w.yaml", cases=[]), Case(name="c", mocks=mocks, expect=Expected(**expect)))[1]


@pytest.mark.parametrize(
    ("expect", "says"),
    [
        ({"phase": "Failed"}, "phase is Succeeded, not Failed"),
        ({"message": "oops"}, "message is '', without 'oops'"),
        ({"nodes": {"gen": "Failed"}}, "gen is Succeeded, not Failed"),
        ({"nodes": {"nobody": "Failed"}}, "nobody is not there, not Failed"),
        ({"absent": ["gen"]}, "gen is there, Succeeded"),
        ({"order": ["gen", "flaky"]}, "order is flaky, gen, not gen, flaky"),
        ({"outputs": {"gen": {"list": "[1]"}}}, "output list of gen is '[]', not '[1]'"),
        ({"inputs": {"nobody": {"x": "1"}}}, "no node 'nobody'"),
        ({"tries": {"flaky": 1}}, "flaky ran 2 times, not 1"),
        ({"seconds": 1}, "more than 1"),
    ],
)
def test_what_is_not_as_expected_is_told(file: pathlib.Path, expect: dict[str, Any], says: str) -> None:
    (fault,) = faults_of(file, **expect)
    assert says in fault


def test_what_is_as_expected_is_no_fault(file: pathlib.Path) -> None:
    assert faults_of(file, phase="Succeeded", order=["flaky", "gen"], tries={"flaky": 2}, outputs={"ask": {"colour": "red"}}) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("workflow: x\ncases: [{name: a, expects: {}}]", "expects"),
        ("cases: []", "workflow"),
        ("workflow: x\ncases: [{name: a}, {name: a}]", "two cases 'a'"),
        ("a: [", "not valid YAML"),
    ],
)
def test_a_file_that_is_no_file_of_cases_is_told(tmp_path: pathlib.Path, text: str, says: str) -> None:
    path = tmp_path / "x.test.yaml"
    path.write_text(text)
    with pytest.raises(SpecError, match=says):
        read_cases(path)


def test_the_command_plays_files_and_writes_a_report(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "junit.xml"
    assert run(["test", str(ROOT / "examples"), "--junit", str(report), "--coverage", "100"]) == 0
    assert "3 passed, 0 failed" in capsys.readouterr().out
    assert 'tests="3" failures="0"' in report.read_text()
    bad = tmp_path / "bad.test.yaml"
    bad.write_text(f"workflow: {COIN}\ncases: [{{name: wrong, mocks: {{flip-coin: {{result: heads}}}}, expect: {{phase: Failed}}}}]\n")
    assert run(["test", str(bad)]) == 1
    assert "phase is Succeeded, not Failed" in capsys.readouterr().out


def test_a_pytest_run_collects_files_of_cases(pytester: pytest.Pytester) -> None:
    pytester.makefile(".yaml", w=SPEC)
    cases = """
        workflow: w.yaml
        cases:
        - {name: good, mocks: {gen: {outputs: {list: "[]"}}, ask: {answer: {colour: red}}}, expect: {phase: Succeeded}}
        - {name: bad, mocks: {gen: {exitCode: 1}}, expect: {phase: Succeeded}}
    """
    (pytester.path / "w.test.yaml").write_text(textwrap.dedent(cases))
    done = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-o", "asyncio_default_fixture_loop_scope=function")
    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines(["*phase is Failed, not Succeeded*"])


def test_a_thousand_steps_are_played_in_one_go_and_their_order_is_told_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = [{"name": f"t{n}", "template": "leaf", **({"depends": f"t{n - 10}"} if n >= 10 else {})} for n in range(1000)]
    text = {"entrypoint": "m", "templates": [{"name": "m", "dag": {"tasks": tasks}}, {"name": "leaf", "container": {"image": "x", "command": ["x"]}}]}
    from tiphys.model.parse import parse_workflow

    trial = Trial(parse_workflow({"metadata": {"name": "w", "uid": "u"}, "spec": text})).play()
    assert (trial.phase, len(trial.phases)) == ("Succeeded", 1001)
    read: list[object] = []
    monkeypatch.setattr("tiphys.testing.trial.parse_workflow", lambda stored: (read.append(stored), parse_workflow(stored))[1])
    assert sorted(trial.order) == sorted(task["name"] for task in tasks)
    assert len(read) == 1

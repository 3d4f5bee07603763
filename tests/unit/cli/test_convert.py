"""Manifests of Argo before 4.0, rewritten."""

import json
import pathlib

import pytest
import yaml

from tiphys.cli.convert import convert, rewritten
from tiphys.cli.documents import parse_documents
from tiphys.cli.judge import judge
from tiphys.errors import SpecError

OLD = """
apiVersion: argoproj.io/v1alpha1
kind: CronWorkflow
metadata: {name: c}
spec:
  schedule: "0 * * * *"
  workflowSpec:
    entrypoint: a
    synchronization: {mutex: {name: m}}
    templates:
    - name: a
      synchronization: {semaphore: {configMapKeyRef: {name: s, key: k}}, mutexes: [{name: n}]}
      container: {image: i, command: [mutex]}
"""


def test_schedules_and_locks_become_lists_and_lint_has_nothing_to_say() -> None:
    made = rewritten(yaml.safe_load(OLD))
    assert made["spec"]["schedules"] == ["0 * * * *"]
    assert made["spec"]["workflowSpec"]["synchronization"] == {"mutexes": [{"name": "m"}]}
    [template] = made["spec"]["workflowSpec"]["templates"]
    assert template["synchronization"] == {"semaphores": [{"configMapKeyRef": {"name": "s", "key": "k"}}], "mutexes": [{"name": "n"}]}
    [document] = parse_documents("c.yaml", yaml.safe_dump(made))
    assert judge(document, None) == []


def test_both_forms_are_joined_and_todays_is_left_alone() -> None:
    locks = {"mutex": {"name": "a"}, "mutexes": [{"name": "a"}, {"name": "b"}]}
    manifest = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "spec": {"synchronization": locks}}
    once = rewritten(manifest)
    assert once["spec"]["synchronization"] == {"mutexes": [{"name": "a"}, {"name": "b"}]}
    assert rewritten(once) == once


def test_what_is_not_argos_stays_as_it_is() -> None:
    other = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"synchronization": {"mutex": 1}}}
    assert rewritten(other) == other


def test_the_command_prints_all_documents(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "old.yaml"
    file.write_text(OLD + "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n")
    assert convert(str(file)) == 0
    shown = list(yaml.safe_load_all(capsys.readouterr().out))
    assert [one["kind"] for one in shown] == ["CronWorkflow", "ConfigMap"]
    assert shown[0]["spec"]["schedules"] == ["0 * * * *"]
    file.write_text(OLD)
    assert convert(str(file), output="json") == 0
    assert json.loads(capsys.readouterr().out)["spec"]["schedules"] == ["0 * * * *"]
    file.write_text("")
    with pytest.raises(SpecError, match="no manifests"):
        convert(str(file))

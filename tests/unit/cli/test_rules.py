"""`lint --policies`: the administrator's rules before a cluster is asked."""

import pathlib

import pytest

from tiphys.cli.lint import lint
from tiphys.errors import SpecError

POLICIES = """
apiVersion: v1
kind: ConfigMap
metadata: {name: tiphys}
data:
  policies: |
    - name: images
      over: template
      expression: "!has(template.container) || template.container.image.startsWith('good.io/')"
      message: images come from good.io
    - {name: owner, expression: "has(workflow.metadata.labels)", action: warn, message: say whose it is}
"""
WORKFLOW = "kind: Workflow\nmetadata: {name: w}\nspec:\n  entrypoint: a\n  templates: [{name: a, container: {image: %s}}]\n"


def test_a_workflow_is_held_to_the_policies_of_a_file(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules, bad, good = tmp_path / "rules.yaml", tmp_path / "bad.yaml", tmp_path / "good.yaml"
    rules.write_text(POLICIES)
    bad.write_text(WORKFLOW % "evil.io/x")
    good.write_text(WORKFLOW % "good.io/x")
    assert lint(str(bad), output="simple", offline=True, policies=str(rules)) == 1
    said = capsys.readouterr()
    assert "policy images (template a): images come from good.io" in said.out
    assert "w: warning: policy owner: say whose it is" in said.err
    assert lint(str(good), output="simple", offline=True, policies=str(rules)) == 0


def test_a_schedule_is_held_to_them_by_what_it_will_run(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules, cron = tmp_path / "rules.yaml", tmp_path / "cron.yaml"
    rules.write_text(POLICIES)
    inner = "{entrypoint: a, templates: [{name: a, container: {image: evil.io/x}}]}"
    cron.write_text(f'kind: CronWorkflow\nmetadata: {{name: c}}\nspec:\n  schedules: ["* * * * *"]\n  workflowSpec: {inner}\n')
    assert lint(str(cron), output="simple", offline=True, policies=str(rules)) == 1
    said = capsys.readouterr()
    assert said.out == f"{cron}:5:3: spec.workflowSpec: policy images (template a): images come from good.io\n"
    # its workflows are labelled with its name
    assert "policy owner" not in said.err


def test_a_file_without_policies_is_refused(tmp_path: pathlib.Path) -> None:
    good = tmp_path / "good.yaml"
    good.write_text(WORKFLOW % "x")
    rules = tmp_path / "rules.yaml"
    rules.write_text("imagePullPolicy: Always\n")
    with pytest.raises(SpecError, match="has no policies"):
        lint(str(good), offline=True, policies=str(rules))

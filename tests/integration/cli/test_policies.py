"""The administrator's policies stop `submit` and `lint` as they stop the controller."""

import json
import pathlib
from typing import Any

from tests.integration.cli.conftest import Shell

from tiphys.local.objects import Place

POLICIES = """
- name: images
  over: template
  expression: "!has(template.container) || template.container.image.startsWith('good.io/')"
  message: images come from good.io
- {name: short, expression: "has(workflow.spec.activeDeadlineSeconds)", action: warn, message: say how long}
"""


def administrator(shell: Shell, namespace: str, **entries: str) -> None:
    def store(name: str, data: dict[str, str]) -> None:
        shell.server.store.create(Place("api/v1", "configmaps", namespace, name), {"metadata": {"name": name}, "data": data})

    store("tiphys", {"policies": POLICIES})
    if entries:
        store("workflow-controller-configmap", entries)


def manifest(folder: pathlib.Path, image: str, **spec: Any) -> str:
    file = folder / "w.yaml"
    own = {"entrypoint": "a", "templates": [{"name": "a", "container": {"image": image, "command": ["x"]}}], **spec}
    file.write_text(json.dumps({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": "w"}, "spec": own}))
    return str(file)


def stored(shell: Shell) -> int:
    return len(shell.server.store.find("apis/argoproj.io/v1alpha1", "workflows"))


async def test_a_workflow_that_a_policy_denies_is_not_submitted(shell: Shell, tmp_path: pathlib.Path) -> None:
    administrator(shell, "argo")
    file = manifest(tmp_path, "evil.io/x")
    code, _, errors = await shell.run("submit", file)
    assert (code, stored(shell)) == (1, 0)
    assert "policy images (template a): images come from good.io" in errors
    assert "ConfigMap tiphys" in errors
    code, out, _ = await shell.run("lint", file, "-o", "simple")
    assert (code, out) == (1, f"{file}:1:87: spec: policy images (template a): images come from good.io\n")
    assert (await shell.run("lint", file, "--offline"))[0] == 0


async def test_what_a_policy_only_warns_of_is_said_and_submitted_unless_the_defaults_mend_it(
    shell: Shell, tmp_path: pathlib.Path
) -> None:
    administrator(shell, "argo", workflowDefaults="spec: {activeDeadlineSeconds: 60}")
    file = manifest(tmp_path, "good.io/x")
    code, _, errors = await shell.run("submit", file)
    assert (code, errors, stored(shell)) == (0, "", 1)
    administrator(shell, "ns")
    code, _, errors = await shell.run("submit", file, "--name", "other")
    assert (code, errors.strip(), stored(shell)) == (0, "warning: policy short: say how long", 2)


async def test_a_schedule_whose_workflows_a_policy_denies_is_not_stored(shell: Shell, tmp_path: pathlib.Path) -> None:
    administrator(shell, "argo")
    file = tmp_path / "c.yaml"
    inner = {"entrypoint": "a", "templates": [{"name": "a", "container": {"image": "evil.io/x", "command": ["x"]}}]}
    meta = {"apiVersion": "argoproj.io/v1alpha1", "kind": "CronWorkflow", "metadata": {"name": "c"}}
    file.write_text(json.dumps({**meta, "spec": {"schedules": ["0 0 * * *"], "workflowSpec": inner}}))
    for verb in ("create", "apply"):
        code, _, errors = await shell.run("cron", verb, str(file))
        assert (code, shell.server.store.find("apis/argoproj.io/v1alpha1", "cronworkflows")) == (1, [])
        assert "policy images (template a): images come from good.io" in errors

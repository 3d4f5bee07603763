"""Our kinds on a real API server: what it takes, what it refuses at once, and how `kubectl get` shows it."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from tests.e2e.conftest import Cluster, run

LEAF = {"name": "a", "container": {"image": "busybox"}}


@pytest.fixture(scope="module")
def server(kubeconfig: str) -> Iterator[Cluster]:
    name = f"e2e-{uuid.uuid4().hex[:8]}"
    run("kubectl", "--kubeconfig", kubeconfig, "create", "namespace", name)
    yield Cluster(kubeconfig, name)
    run("kubectl", "--kubeconfig", kubeconfig, "delete", "namespace", name, "--wait=false")


def template(name: str, **spec: Any) -> str:
    return yaml.safe_dump({"apiVersion": "argoproj.io/v1alpha1", "kind": "WorkflowTemplate", "metadata": {"name": name}, "spec": spec})


def said(server: Cluster, text: str) -> str:
    done = run("kubectl", "--kubeconfig", server.kubeconfig, "-n", server.namespace, "apply", "-f", "-", check=False, stdin=text)
    return "" if done.returncode == 0 else done.stderr


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"templates": [{**LEAF, "steps": []}]}, "a template is of one type only"),
        ({"templates": [{**LEAF, "script": {"image": "i", "source": "x"}}]}, "a template is of one type only"),
        ({"templates": [{"name": "a", "suspend": {}, "http": {"url": "http://x"}}]}, "a template is of one type only"),
        ({"templates": [{"name": "a", "steps": [], "timeout": "1s"}]}, "timeout and activeDeadlineSeconds are for templates"),
        ({"templates": [LEAF], "workflowTemplateRef": {"name": "x"}}, "templates and workflowTemplateRef exclude each other"),
        ({"templates": [LEAF], "parallelism": 0}, "greater than or equal to 1"),
        ({"templates": [{**LEAF, "parallelism": 0}]}, "greater than or equal to 1"),
        ({"entrypoint": ["a"]}, "must be of type string"),
    ],
)
def test_what_can_never_run_is_refused_at_once(server: Cluster, spec: dict[str, Any], message: str) -> None:
    assert message in said(server, template("refused", **spec))


@pytest.mark.parametrize("value", [0, 1.5, True, "text"])
def test_a_value_may_be_written_as_number_or_boolean(server: Cluster, value: object) -> None:
    name = f"value-{str(value).lower().replace('.', '-')}"
    assert not said(server, template(name, arguments={"parameters": [{"name": "p", "value": value, "default": value, "enum": [value]}]}))


def test_lists_have_no_limit_and_fields_unknown_to_us_are_kept(server: Cluster) -> None:
    tasks = [{"name": f"t{i}", "template": "a"} for i in range(1000)]
    text = template("wide", templates=[LEAF, {"name": "m", "dag": {"tasks": tasks}}], somethingNew={"a": 1})
    assert not said(server, text)
    found = json.loads(server.kubectl("get", "wftmpl", "wide", "-o", "json"))
    assert len(found["spec"]["templates"][1]["dag"]["tasks"]) == 1000
    assert found["spec"]["somethingNew"] == {"a": 1}


def test_defaults_may_speak_to_templates_of_every_type(server: Cluster) -> None:
    assert not said(server, template("defaults", templateDefaults={"container": {"image": "i"}, "script": {"image": "i"}, "timeout": "1s"}))


def test_every_kind_has_its_short_names(server: Cluster) -> None:
    for name in ("wf", "wftmpl", "cwft", "clusterwftmpl", "cwf", "cronwf", "wfts", "wfat", "wfeb", "workflowtaskresults"):
        server.kubectl("get", name)


def test_a_status_is_written_with_the_object_and_shown_in_columns(server: Cluster) -> None:
    workflow = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow",
                "metadata": {"name": "done", "labels": {"workflows.argoproj.io/completed": "true"}}, "spec": {"templates": [LEAF]},
                "status": {"phase": "Failed", "message": "because", "startedAt": "2026-01-01T00:00:00Z"}}  # fmt: skip
    server.apply(yaml.safe_dump(workflow))
    head, row = server.kubectl("get", "wf", "done").splitlines()
    assert head.split() == ["NAME", "STATUS", "AGE", "MESSAGE"]
    assert row.split()[:2] == ["done", "Failed"]
    assert row.split()[-1] == "because"
    done = run("kubectl", "--kubeconfig", server.kubeconfig, "-n", server.namespace, "patch", "wf", "done", "--subresource=status",
               "--type=merge", "-p", "{}", check=False)  # fmt: skip
    assert done.returncode != 0

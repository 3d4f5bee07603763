import asyncio

import msgspec
import pytest

from tiphys.cluster.stored import manifest_from, parse_source
from tiphys.errors import SpecError


class Shelf:
    """Every object there is, with the same spec."""

    def __init__(self, spec):
        self.spec = spec
        self.asked = []

    async def read(self, kind, namespace, name):
        self.asked.append((kind, namespace, name))
        return msgspec.json.encode({"metadata": {"name": name}, "spec": self.spec})


def submitted(source, spec=None):
    return asyncio.run(manifest_from(Shelf(spec or {"entrypoint": "a"}), "ns", source))


@pytest.mark.parametrize("kind", ["workflowtemplate", "wftmpl", "WorkflowTemplate"])
def test_a_template_is_submitted_by_reference(kind):
    made = submitted(f"{kind}/greet")
    assert made["spec"] == {"workflowTemplateRef": {"name": "greet"}}
    assert made["metadata"] == {"generateName": "greet-", "labels": {"workflows.argoproj.io/workflow-template": "greet"}}


@pytest.mark.parametrize("kind", ["cwft", "clusterworkflowtemplate"])
def test_a_cluster_template_is_submitted_by_reference(kind):
    made = submitted(f"{kind}/greet")
    assert made["spec"] == {"workflowTemplateRef": {"name": "greet", "clusterScope": True}}
    assert made["metadata"]["labels"] == {"workflows.argoproj.io/cluster-workflow-template": "greet"}


def test_a_schedule_is_submitted_with_its_spec_and_metadata():
    spec = {"schedules": ["* * * * *"], "workflowSpec": {"entrypoint": "a"},
            "workflowMetadata": {"labels": {"x": "y"}, "annotations": {"n": "m"}}}  # fmt: skip
    made = submitted("cronwf/nightly", spec)
    assert made["spec"] == {"entrypoint": "a"}
    assert made["metadata"] == {
        "generateName": "nightly-", "labels": {"x": "y", "workflows.argoproj.io/cron-workflow": "nightly"}, "annotations": {"n": "m"}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("greet", "expected KIND/NAME"),
        ("wftmpl/", "expected KIND/NAME"),
        ("workflowtemplat/x", "unknown kind 'workflowtemplat', did you mean 'workflowtemplate'"),
    ],
)
def test_a_source_of_another_form_is_told(text, message):
    with pytest.raises(SpecError, match=message):
        parse_source(text)

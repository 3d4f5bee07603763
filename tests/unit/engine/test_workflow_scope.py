"""Whose text the values of a workflow's arguments are."""

from datetime import UTC, datetime

import pytest

from tiphys.engine.workflow_scope import read_arguments
from tiphys.model.names import PREFIX
from tiphys.model.parse import parse_workflow

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
OF_THE_TEMPLATE, OF_THE_WORKFLOW = "of {{workflow.name}}", "{{=1 + 1}}"


@pytest.mark.parametrize(
    ("reference", "labels", "want"),
    [
        pytest.param({}, {}, "2", id="the workflow has the templates itself"),
        pytest.param({"workflowTemplateRef": {"name": "t"}}, {}, OF_THE_WORKFLOW, id="the workflow fills in a stored template"),
        pytest.param(
            {"workflowTemplateRef": {"name": "t"}}, {PREFIX + "cron-workflow": "c"}, "2", id="a schedule's author wrote it"
        ),
        pytest.param({}, {PREFIX + "workflow-event-binding": "b"}, OF_THE_WORKFLOW, id="an event brought it"),
    ],
)
def test_only_who_writes_templates_writes_text_that_is_read(
    reference: dict[str, object], labels: dict[str, str], want: str
) -> None:
    metadata = {"name": "hello", "namespace": "ns", "uid": "u", "labels": labels}
    own = parse_workflow(
        {"metadata": metadata, "spec": {**reference, "arguments": {"parameters": [{"name": "p", "value": OF_THE_WORKFLOW}]}}}
    )
    both = [{"name": "p", "value": OF_THE_WORKFLOW}, {"name": "q", "value": OF_THE_TEMPLATE}, {"name": "r", "value": "no tags"}]
    merged = parse_workflow({"metadata": metadata, "spec": {"entrypoint": "a", "arguments": {"parameters": both}}})
    read = read_arguments(merged, merged.spec.arguments, own.spec, NOW)
    assert [(one.name, one.value) for one in read.parameters] == [("p", want), ("q", "of hello"), ("r", "no tags")]

from datetime import timedelta

import pytest

from tiphys.errors import SpecError
from tiphys.settings import Environment, parse_environment


def test_an_empty_environment_keeps_the_defaults():
    assert parse_environment({}) == Environment()
    assert parse_environment({"DEFAULT_REQUEUE_TIME": ""}) == Environment()


@pytest.mark.parametrize(
    ("name", "text", "field", "want"),
    [
        ("DEFAULT_REQUEUE_TIME", "2s", "default_requeue_time", timedelta(seconds=2)),
        ("WORKFLOW_GC_PERIOD", "1h30m", "workflow_gc_period", timedelta(minutes=90)),
        ("ALWAYS_OFFLOAD_NODE_STATUS", "True", "always_offload_node_status", True),
        ("EXPRESSION_TEMPLATES", "false", "expression_templates", False),
        ("MAX_WORKFLOW_SIZE", "1024", "max_workflow_size", 1024),
        ("WORKFLOW_COMPRESSION_LEVEL", "3", "workflow_compression_level", 3),
        ("WORKFLOW_USER_OVERRIDE_ALLOWLIST", "nodeSelector, tolerations", "workflow_user_override_allowlist", ("nodeSelector", "tolerations")),
        ("POD_NAMES", "v1", "pod_names", "v1"),
    ],
)
def test_a_variable_is_read_by_its_kind(name, text, field, want):
    assert getattr(parse_environment({name: text}), field) == want


@pytest.mark.parametrize(("name", "text"), [("MAX_WORKFLOW_SIZE", "big"), ("EXPRESSION_TEMPLATES", "maybe"), ("CRON_SYNC_PERIOD", "soon")])
def test_a_variable_that_cannot_be_read_is_named(name, text):
    with pytest.raises(SpecError, match=f"^{name}: "):
        parse_environment({name: text})

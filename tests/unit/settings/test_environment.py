from datetime import timedelta

import pytest

from tiphys.errors import SpecError
from tiphys.settings import Environment, parse_environment
from tiphys.settings.environment import WITHOUT_EFFECT, progress_milliseconds, without_effect


def test_an_empty_environment_keeps_the_defaults():
    assert parse_environment({}) == Environment()
    assert parse_environment({"MAX_WORKFLOW_SIZE": ""}) == Environment()


@pytest.mark.parametrize(
    ("name", "text", "field", "want"),
    [
        ("RECENTLY_STARTED_POD_DURATION", "2s", "recently_started_pod_duration", timedelta(seconds=2)),
        ("ARCHIVED_WORKFLOW_GC_PERIOD", "1h30m", "archived_workflow_gc_period", timedelta(minutes=90)),
        ("ALWAYS_OFFLOAD_NODE_STATUS", "True", "always_offload_node_status", True),
        ("ARGO_ARTIFACT_GC_ENABLED", "false", "argo_artifact_gc_enabled", False),
        ("MAX_WORKFLOW_SIZE", "1024", "max_workflow_size", 1024),
        ("WORKFLOW_COMPRESSION_LEVEL", "3", "workflow_compression_level", 3),
        ("WORKFLOW_USER_OVERRIDE_ALLOWLIST", "nodeSelector, tolerations", "workflow_user_override_allowlist", ("nodeSelector", "tolerations")),
        ("WORKFLOW_GC_PERIOD", "90s", "workflow_gc_period", timedelta(seconds=90)),
        ("CACHE_GC_PERIOD", "1h", "cache_gc_period", timedelta(hours=1)),
        ("TRANSIENT_ERROR_PATTERN", "busy|out of licences", "transient_error_pattern", "busy|out of licences"),
        ("POD_NAMES", "v1", "pod_names", "v1"),
    ],
)
def test_a_variable_is_read_by_its_kind(name, text, field, want):
    assert getattr(parse_environment({name: text}), field) == want


@pytest.mark.parametrize(("name", "text"), [("MAX_WORKFLOW_SIZE", "big"), ("DISABLE_MAX_RECURSION", "maybe"), ("OFFLOAD_NODE_STATUS_TTL", "soon"), ("TRANSIENT_ERROR_PATTERN", "a(")])
def test_a_variable_that_cannot_be_read_is_named(name, text):
    with pytest.raises(SpecError, match=f"^{name}: "):
        parse_environment({name: text})


def test_a_variable_that_changes_nothing_is_told():
    assert without_effect({"DEFAULT_REQUEUE_TIME": "1s", "MAX_WORKFLOW_SIZE": "1"}) == [
        "DEFAULT_REQUEUE_TIME has no effect: what happens is acted upon at once, nothing is polled"]
    assert not {name.lower() for name in WITHOUT_EFFECT} & set(Environment.__struct_fields__)


def test_a_lease_lasts_longer_than_the_time_between_its_signs():
    said = {"LEADER_ELECTION_LEASE_DURATION": "15s", "LEADER_ELECTION_RETRY_PERIOD": "5s"}
    assert parse_environment(said).leader_election_lease_duration == timedelta(seconds=15)
    with pytest.raises(SpecError, match="LEADER_ELECTION_LEASE_DURATION: it must be three times LEADER_ELECTION_RETRY_PERIOD"):
        parse_environment({"LEADER_ELECTION_LEASE_DURATION": "5s"} | {"LEADER_ELECTION_RETRY_PERIOD": "2s"})


def test_progress_is_off_where_either_interval_is_nothing():
    assert progress_milliseconds(Environment()) == 3000
    assert progress_milliseconds(parse_environment({"ARGO_PROGRESS_FILE_TICK_DURATION": "500ms"})) == 500
    assert progress_milliseconds(parse_environment({"ARGO_PROGRESS_PATCH_TICK_DURATION": "0"})) == 0
    assert progress_milliseconds(parse_environment({"ARGO_PROGRESS_FILE_TICK_DURATION": "0s"})) == 0

"""Environment variables that change behaviour, with Argo's names and defaults. Nothing reads the process here.

Source: argo-semantics 27.
"""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from tiphys.errors import SpecError
from tiphys.model.durations import parse_duration
from tiphys.settings.base import Settings

_TRUE = ("1", "t", "true")
_FALSE = ("0", "f", "false")


class Pattern(str):
    """A regular expression that compiles."""

    __slots__ = ()


class Environment(Settings, frozen=True):
    """What the controller's environment says; field `max_workflow_size` is variable `MAX_WORKFLOW_SIZE`, and so on."""

    recently_started_pod_duration: timedelta = timedelta(seconds=10)
    argo_pod_status_capture_finalizer: bool = False
    pod_names: str = "v2"
    disable_max_recursion: bool = False
    retry_host_name_label_key: str = "kubernetes.io/hostname"
    max_workflow_size: int = 1 << 20
    always_offload_node_status: bool = False
    offload_node_status_ttl: timedelta = timedelta(minutes=5)
    workflow_gc_period: timedelta = timedelta(minutes=5)
    workflow_compression_algorithm: str = "gzip"
    workflow_compression_level: int | None = None
    archived_workflow_gc_period: timedelta = timedelta(hours=24)
    argo_artifact_gc_enabled: bool = True
    skip_workflow_duration_estimation: bool = False
    workflow_estimation_db_query_timeout_seconds: int = 5
    workflow_user_override_allowlist: tuple[str, ...] = ()
    tls_min_version: str = ""
    leader_election_lease_duration: timedelta = timedelta(seconds=10)
    leader_election_retry_period: timedelta = timedelta(seconds=2)
    cache_gc_period: timedelta = timedelta()
    cache_gc_after_not_hit_duration: timedelta = timedelta(seconds=30)
    transient_error_pattern: Pattern = Pattern()
    argo_progress_file_tick_duration: timedelta = timedelta(seconds=3)
    argo_progress_patch_tick_duration: timedelta = timedelta(seconds=5)


_EVENTS = "what happens is acted upon at once, nothing is polled"
WITHOUT_EFFECT: Mapping[str, str] = {
    "ALL_POD_CHANGES_SIGNIFICANT": _EVENTS,
    "ARGO_AGENT_CPU_LIMIT": "the pod of the agent has numbers of its own",
    "ARGO_AGENT_MEMORY_LIMIT": "the pod of the agent has numbers of its own",
    "ARGO_AGENT_PATCH_RATE": "the pod of the agent has numbers of its own",
    "ARGO_AGENT_TASK_WORKERS": "the pod of the agent has numbers of its own",
    "ARGO_PPROF": "there is no Go program to profile",
    "ARGO_REMOVE_PVC_PROTECTION_FINALIZER": "Kubernetes removes it once no pod uses the claim",
    "ARGO_TRACE": "--loglevel debug tells more",
    "BUBBLE_ENTRY_TEMPLATE_ERR": "an error of the entry template is always the workflow's",
    "CRON_SYNC_PERIOD": _EVENTS,
    "DEFAULT_REQUEUE_TIME": _EVENTS,
    "EVENT_AGGREGATION_WITH_ANNOTATIONS": "Kubernetes Events are not aggregated",
    "EXPRESSION_TEMPLATES": "expressions cannot be switched off",
    "GZIP_IMPLEMENTATION": "there is one",
    "HEALTHZ_AGE": _EVENTS,
    "INDEX_WORKFLOW_SEMAPHORE_KEYS": "locks are always indexed",
    "MAX_OPERATION_TIME": "no turn lasts longer than a moment",
    "OPERATION_DURATION_METRIC_BUCKET_COUNT": "write metricsConfig.modifiers.operation_duration_seconds.histogramBuckets",
    "RECENTLY_DELETED_POD_DURATION": _EVENTS,
    "RETRY_BACKOFF_DURATION": "back-offs adapt themselves",
    "RETRY_BACKOFF_FACTOR": "back-offs adapt themselves",
    "RETRY_BACKOFF_STEPS": "what can be tried again is, for as long as it takes",
    "SEMAPHORE_NOTIFY_DELAY": _EVENTS,
    "TASK_RESULT_TIMEOUT_DURATION": "results are part of the pod's own status",
    "WATCH_CONTROLLER_SEMAPHORE_CONFIGMAPS": "they are always watched",
    "WF_DEL_PROPAGATION_POLICY": "workflows are deleted in the background",
}
"""Argo's variables that change nothing here, and why."""


def parse_environment(variables: Mapping[str, str]) -> Environment:
    """The environment's settings; absent and empty variables keep their defaults.

    Raises:
        SpecError: A variable cannot be read; `path` names it.
    """
    said: dict[str, Any] = {}
    for field in Environment.__struct_fields__:
        name = field.upper()
        text = variables.get(name, "").strip()
        if text:
            said[field] = _read(name, text, type(getattr(_DEFAULTS, field)))
    made = Environment(**said)
    if made.leader_election_lease_duration < 3 * made.leader_election_retry_period:
        raise SpecError("it must be three times LEADER_ELECTION_RETRY_PERIOD at least", path="LEADER_ELECTION_LEASE_DURATION")
    return made


def progress_milliseconds(environment: Environment) -> int:
    """How often a pod's file of progress is looked at; 0 where either interval is 0, which turns it off."""
    ticks = (environment.argo_progress_file_tick_duration, environment.argo_progress_patch_tick_duration)
    return int(ticks[0].total_seconds() * 1000) if all(ticks) else 0


def without_effect(variables: Mapping[str, str]) -> list[str]:
    """A sentence for each variable that is set and changes nothing."""
    return [f"{name} has no effect: {why}" for name, why in WITHOUT_EFFECT.items() if variables.get(name)]


def _read(name: str, text: str, kind: type) -> object:
    try:
        return _READERS[kind](text)
    except (SpecError, ValueError, re.error) as e:
        raise SpecError(str(e), path=name) from e


def _boolean(text: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ValueError(f"{text!r} is neither true nor false")


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _pattern(text: str) -> Pattern:
    re.compile(text)
    return Pattern(text)


_DEFAULTS = Environment()
_READERS: dict[type, Callable[[str], object]] = {
    timedelta: parse_duration,
    bool: _boolean,
    int: int,
    type(None): int,
    str: str,
    Pattern: _pattern,
    tuple: _names,
}

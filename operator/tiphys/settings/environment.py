"""Environment variables that change behaviour, with Argo's names and defaults. Nothing reads the process here.

Source: argo-semantics 27.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from tiphys.errors import SpecError
from tiphys.model.durations import parse_duration
from tiphys.settings.base import Settings

_TRUE = ("1", "t", "true")
_FALSE = ("0", "f", "false")


class Environment(Settings, frozen=True):
    """What the controller's environment says; field `default_requeue_time` is variable `DEFAULT_REQUEUE_TIME`, and so on."""

    default_requeue_time: timedelta = timedelta(seconds=10)
    max_operation_time: timedelta = timedelta(seconds=30)
    operation_duration_metric_bucket_count: int = 6
    recently_started_pod_duration: timedelta = timedelta(seconds=10)
    recently_deleted_pod_duration: timedelta = timedelta(minutes=2)
    task_result_timeout_duration: timedelta = timedelta(minutes=10)
    argo_pod_status_capture_finalizer: bool = False
    pod_names: str = "v2"
    bubble_entry_template_err: bool = True
    disable_max_recursion: bool = False
    expression_templates: bool = True
    transient_error_pattern: str = ""
    retry_host_name_label_key: str = "kubernetes.io/hostname"
    max_workflow_size: int = 1 << 20
    always_offload_node_status: bool = False
    offload_node_status_ttl: timedelta = timedelta(minutes=5)
    workflow_compression_algorithm: str = "gzip"
    workflow_compression_level: int | None = None
    cache_gc_period: timedelta = timedelta(0)
    cache_gc_after_not_hit_duration: timedelta = timedelta(seconds=30)
    semaphore_notify_delay: timedelta = timedelta(seconds=1)
    watch_controller_semaphore_configmaps: bool = True
    cron_sync_period: timedelta = timedelta(seconds=10)
    workflow_gc_period: timedelta = timedelta(minutes=5)
    archived_workflow_gc_period: timedelta = timedelta(hours=24)
    argo_remove_pvc_protection_finalizer: bool = True
    argo_artifact_gc_enabled: bool = True
    argo_agent_task_workers: int = 16
    argo_agent_cpu_limit: str = "100m"
    argo_agent_memory_limit: str = "256M"
    argo_progress_patch_tick_duration: timedelta = timedelta(minutes=1)
    argo_progress_file_tick_duration: timedelta = timedelta(seconds=3)
    skip_workflow_duration_estimation: bool = False
    workflow_estimation_db_query_timeout_seconds: int = 5
    wf_del_propagation_policy: str = ""
    workflow_user_override_allowlist: tuple[str, ...] = ()
    healthz_age: timedelta = timedelta(minutes=5)
    event_aggregation_with_annotations: bool = False
    tls_min_version: str = ""


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
    return Environment(**said)


def _read(name: str, text: str, kind: type) -> object:
    try:
        return _READERS[kind](text)
    except (SpecError, ValueError) as e:
        raise SpecError(str(e), path=name) from e


def _boolean(text: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ValueError(f"{text!r} is neither true nor false")


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


_DEFAULTS = Environment()
_READERS: dict[type, Callable[[str], object]] = {
    timedelta: parse_duration,
    bool: _boolean,
    int: int,
    type(None): int,
    str: str,
    tuple: _names,
}

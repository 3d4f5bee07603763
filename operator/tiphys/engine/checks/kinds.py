"""What a template of each kind must and may say.

Source: argo-semantics 23.4.
Differs from Argo: `timeout: "60"` is right, as it is when it runs.
"""

import re
from collections.abc import Iterable, Mapping

import yaml

from tiphys.engine.retry_policy import effective_policy
from tiphys.engine.templates import KINDS, POD_KINDS
from tiphys.errors import SpecError
from tiphys.model.base import Json
from tiphys.model.durations import parse_duration
from tiphys.model.parse import nearest
from tiphys.model.template import Prometheus, ResourceTemplate, Template

_ACTIONS = ("get", "create", "apply", "delete", "replace", "patch")
_CHOICE = "container, containerSet, steps, script, resource, dag, suspend, template, template ref"
_KIND_NAMES = {
    "container": "Container", "container_set": "ContainerSet", "steps": "Steps", "dag": "DAG", "script": "Script",
    "resource": "Resource", "data": "Data", "suspend": "Suspend", "http": "HTTP", "plugin": "Plugin",
}  # fmt: skip
_METRIC = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_TAG = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_BODIES = ("steps", "dag")


def check_kind(template: Template, raw: Template, path: str, faults: list[SpecError]) -> None:
    """The kind and what goes with it.

    Args:
        template: With the template defaults under it.
        raw: As it was written.
        path: Where it stands.
        faults: Takes what is wrong.
    """
    kinds = [kind for kind in KINDS if getattr(raw, kind) not in (None, ())]
    if not kinds:
        faults.append(SpecError(f"template type unspecified. choose one of: {_CHOICE}", path=path))
        return
    if len(kinds) > 1:
        faults.append(SpecError(f"multiple template types specified. choose one of: {_CHOICE}", path=path))
        return
    kind = kinds[0]
    if kind in ("container", "script"):
        _check_container(template, kind, path, faults)
    if kind == "container_set":
        _check_container_set(template, path, faults)
    if template.resource is not None:
        _check_resource(template, template.resource, path, faults)
    _check_side_containers(template, path, faults)
    _check_limits(raw, kind, path, faults)
    _check_times(raw, kind, path, faults)
    if raw.retry_strategy is not None and "{{" not in raw.retry_strategy.retry_policy:
        try:
            effective_policy(raw.retry_strategy)
        except SpecError as e:
            faults.append(SpecError(e.message, path=f"{path}.retryStrategy"))
    for metric in raw.metrics.prometheus if raw.metrics else ():
        _check_metric(metric, path, faults)


def _check_container(template: Template, kind: str, path: str, faults: list[SpecError]) -> None:
    container = getattr(template, kind)
    if not container.get("image"):
        faults.append(SpecError(f"{kind}.image may not be empty", path=path))
    taken: dict[str, str] = {}
    for i, mount in enumerate(_mounts(container)):
        where = f"{kind}.volumeMounts[{i}]"
        at = str(mount.get("mountPath", ""))
        if at in taken and not mount.get("subPath"):
            faults.append(SpecError(f"{where}.mountPath '{at}' already mounted in {taken[at]}", path=path))
        taken.setdefault(at, f"{where}.{mount.get('name', '')}")
    for i, artifact in enumerate(template.inputs.artifacts):
        if artifact.path and artifact.path in taken:
            message = f"inputs.artifacts[{i}].path '{artifact.path}' already mounted in {taken[artifact.path]}"
            faults.append(SpecError(message, path=path))
        elif artifact.path:
            taken[artifact.path] = f"inputs.artifacts.{artifact.name}"


def _mounts(container: Json) -> list[Json]:
    return [dict(mount) for mount in container.get("volumeMounts") or () if isinstance(mount, Mapping)]


def _is_reserved(name: str) -> bool:
    return name in ("wait", "supervisor") or name.startswith("artifact-plugin-")


def _check_container_set(template: Template, path: str, faults: list[SpecError]) -> None:
    where = f"{path}.containerSet.containers"
    containers = template.container_set.containers if template.container_set else ()
    names = [str(container.get("name", "")) for container in containers]
    has_flow = template.inputs.artifacts or template.outputs.parameters or template.outputs.artifacts
    if has_flow and "main" not in names:
        faults.append(SpecError('must have a container named "main" for input or output', path=where))
    for name in names:
        if _is_reserved(name):
            faults.append(SpecError(f'"{name}" is a reserved Argo container name', path=where))
        if names.count(name) > 1:
            faults.append(SpecError(f"name '{name}' is not unique", path=where))
            break
    for i, container in enumerate(containers):
        if not container.get("image"):
            faults.append(SpecError("image may not be empty", path=f"{where}[{i}]"))
        unknown = [str(other) for other in container.get("dependencies") or () if other not in names]
        faults += [SpecError(f"dependency '{name}' not defined{nearest(name, names)}", path=f"{where}[{i}]") for name in unknown]


def _check_side_containers(template: Template, path: str, faults: list[SpecError]) -> None:
    for sidecar in template.sidecars:
        name = str(sidecar.get("name", ""))
        if _is_reserved(name):
            faults.append(SpecError(f'"{name}" is a reserved Argo container name', path=f"{path}.sidecars"))
        elif not name:
            faults.append(SpecError("sidecars must all have container name", path=path))
    if not all(container.get("name") for container in template.init_containers):
        faults.append(SpecError("initContainers must all have container name", path=path))


def _check_resource(template: Template, resource: ResourceTemplate, path: str, faults: list[SpecError]) -> None:
    if "{{" not in resource.action and resource.action not in _ACTIONS:
        guess = nearest(resource.action, _ACTIONS)
        faults.append(SpecError(f"resource.action must be one of: {', '.join(_ACTIONS)}{guess}", path=path))
    needs_none = resource.action in ("get", "delete", "patch") and bool(resource.flags)
    if resource.manifest and resource.manifest_from is not None:
        message = "shouldn't have both `manifest` and `manifestFrom` specified in `Manifest` for resource template"
        faults.append(SpecError(message, path=path))
    elif not resource.manifest and resource.manifest_from is None and not needs_none:
        message = f"either {path}.resource.manifest or {path}.resource.manifestFrom must be specified"
        faults.append(SpecError(message, path=path))
    if resource.manifest_from is not None and resource.manifest_from.artifact is not None:
        name, known = resource.manifest_from.artifact.name, [artifact.name for artifact in template.inputs.artifacts]
        if name not in known:
            message = f"artifact {name} in `manifestFrom` refer to a non-exist artifact{nearest(name, known)}"
            faults.append(SpecError(message, path=path))
    if resource.manifest and not _is_yaml(resource.manifest):
        faults.append(SpecError("resource.manifest must be a valid yaml", path=path))


def _is_yaml(text: str) -> bool:
    """Whether the text is YAML once its tags have values; a tag that stands for lines of its own cannot be judged."""
    try:
        for _ in yaml.safe_load_all(_TAG.sub("placeholder", text)):
            pass
    except yaml.YAMLError:
        return any(line.strip().startswith("{{") for line in text.splitlines())
    return True


def _check_limits(template: Template, kind: str, path: str, faults: list[SpecError]) -> None:
    seconds = template.active_deadline_seconds
    if seconds is not None:
        is_number = isinstance(seconds, int) or seconds.strip().isdigit()
        if kind in _BODIES:
            faults.append(SpecError("activeDeadlineSeconds is only valid for leaf templates", path=path))
        elif not ((is_number and int(seconds) > 0) or (isinstance(seconds, str) and "{{" in seconds)):
            message = "activeDeadlineSeconds must be a positive integer > 0 or an argo variable"
            faults.append(SpecError(message, path=path))
    if template.parallelism is not None and kind not in _BODIES:
        faults.append(SpecError("parallelism is only valid for steps and dag templates", path=path))
    if template.pod_resources is not None:
        if kind not in POD_KINDS:
            faults.append(SpecError(f"podResources is not supported for {_KIND_NAMES[kind]} templates", path=path))
        check_pod_resources(template.pod_resources, f"{path}.podResources", faults)
    if template.resource_claims and kind not in POD_KINDS:
        message = f"resourceClaims is not supported for {_KIND_NAMES[kind]} templates, which do not create a pod"
        faults.append(SpecError(message, path=path))


def check_pod_resources(resources: Json, path: str, faults: list[SpecError]) -> None:
    """Add what is wrong with resources of a whole pod."""
    if resources.get("claims"):
        faults.append(SpecError("claims is not supported for pod-level resources", path=path))
    named: Iterable[str] = {key for part in ("requests", "limits") for key in resources.get(part) or ()}
    for name in sorted(named):
        if name not in ("cpu", "memory") and not name.startswith("hugepages-"):
            message = f'"{name}" is not a valid pod-level resource, only cpu, memory and hugepages-* are supported'
            faults.append(SpecError(message, path=path))


def _check_times(template: Template, kind: str, path: str, faults: list[SpecError]) -> None:
    for field, text in (("timeout", template.timeout), ("pendingTimeout", template.pending_timeout)):
        if not text:
            continue
        if kind in _BODIES:
            faults.append(SpecError(f"{_KIND_NAMES[kind]} template doesn't support {field} field", path=path))
        elif "{{" not in text:
            try:
                parse_duration(text)
            except SpecError:
                message = f"{template.name} has invalid duration format in {field}: '{text}'"
                faults.append(SpecError(message, path=path))


def _check_metric(metric: Prometheus, path: str, faults: list[SpecError]) -> None:
    name = metric.name
    if not _METRIC.fullmatch(name):
        message = f"metric name '{name}' is invalid. Metric names must contain alphanumeric characters or '_'"
        faults.append(SpecError(message, path=path))
        return
    for label in metric.labels:
        if not _METRIC.fullmatch(label.key):
            message = f"metric label '{label.key}' is invalid: keys may only contain alphanumeric characters or '_'"
            faults.append(SpecError(message, path=path))
    if not metric.help:
        faults.append(SpecError(f"metric '{name}' must contain a help string under 'help: ' field", path=path))
    given = [kind for kind in ("gauge", "counter", "histogram") if getattr(metric, kind) is not None]
    if len(given) != 1:
        wrong = "must have one of: gauge, counter, histogram" if not given else "only one of gauge, counter, histogram"
        faults.append(SpecError(f"metric '{name}' error: {wrong}", path=path))
    elif not getattr(metric, given[0]).value:
        faults.append(SpecError(f"metric '{name}' error: missing {given[0]}.value", path=path))
    elif metric.gauge is not None and metric.gauge.realtime and "resourcesDuration." in metric.gauge.value:
        message = f"metric '{name}' error: 'resourcesDuration.*' metrics cannot be used in real-time"
        faults.append(SpecError(message, path=path))
    elif metric.histogram is not None and not metric.histogram.buckets:
        faults.append(SpecError(f"metric '{name}' error: missing histogram.buckets", path=path))

"""What a pod's containers had, and for how long. Source: argo-semantics 3.8."""

from tiphys.pods.view import PodView, Resources

_DEFAULT_REQUESTS = {"cpu": "100m", "memory": "100Mi"}
_DENOMINATORS = {"cpu": 1.0, "memory": 100 * 2.0**20, "storage": 10 * 2.0**30, "ephemeral-storage": 10 * 2.0**30}
_SUFFIXES = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18, "Ki": 2.0**10,
             "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50, "Ei": 2.0**60}  # fmt: skip


def quantity(text: str | float) -> float:
    """A Kubernetes quantity as a number; 0 for what is none."""
    written = str(text).strip()
    for suffix in (written[-2:], written[-1:]):
        if suffix in _SUFFIXES and len(suffix):
            number, scale = written[: -len(suffix)], _SUFFIXES[suffix]
            break
    else:
        number, scale = written, 1.0
    try:
        return float(number) * scale
    except ValueError:
        return 0.0


def resources_duration(pod: PodView) -> dict[str, int]:
    """Resource -> seconds, over all containers that ended."""
    asked = {container.name: container.resources for container in (*pod.spec.init_containers, *pod.spec.containers)}
    sums: dict[str, float] = {}
    for status in pod.status.all_containers:
        ended = status.state.terminated
        if ended is None or ended.started_at is None or ended.finished_at is None:
            continue
        seconds = max(0.0, (ended.finished_at - ended.started_at).total_seconds())
        resources = asked.get(status.name, Resources())
        amounts: dict[str, str | int | float] = {**_DEFAULT_REQUESTS, **resources.limits, **resources.requests}
        for name, amount in amounts.items():
            sums[name] = sums.get(name, 0.0) + seconds * quantity(amount) / _DENOMINATORS.get(name, 1.0)
    return {name: int(value) for name, value in sums.items()}

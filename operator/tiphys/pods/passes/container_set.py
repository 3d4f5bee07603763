"""Pass: the containers of a container set. What orders them is the shim, since a pod starts them all at once.

Source: argo-semantics 18.1.
Differs from Argo: a container that is killed without a word keeps nobody waiting; with `retries: 0` the command runs once.
"""

from tiphys.errors import SpecError
from tiphys.model.base import Json
from tiphys.model.durations import parse_duration
from tiphys.model.template import ContainerSetRetryStrategy
from tiphys.pods.draft import MAIN, ORDER_VOLUME, Draft, filled
from tiphys.pods.merge import strategic_merge

ORDER_FOLDER = "/argo-order"


def container_set(draft: Draft) -> None:
    """All containers of the set, over the defaults of the configuration (`mainContainer`), with the mounts of the set."""
    written = draft.template.container_set
    if written is None:
        return
    names = [str(user.get("name", "")) for user in written.containers]
    if MAIN not in names and (draft.template.inputs.artifacts or draft.template.outputs.parameters or draft.order.wants_result):
        raise SpecError("a container set with artifacts or outputs needs a container named main", path=draft.path("containerSet"))
    containers = [_container(draft, user, list(written.volume_mounts)) for user in written.containers]
    if is_ordered(draft):
        mount = {"name": ORDER_VOLUME, "mountPath": ORDER_FOLDER}
        for container in containers:
            container["volumeMounts"] = [*container.get("volumeMounts", ()), mount]
        draft.add("volumes", {"name": ORDER_VOLUME, "emptyDir": {}})
    draft.spec["containers"] = containers


def _container(draft: Draft, user: Json, mounts: list[Json]) -> Json:
    own = {key: value for key, value in user.items() if key != "dependencies"}
    own["volumeMounts"] = [*own.get("volumeMounts", ()), *mounts]
    return filled(strategic_merge(draft.settings.main_container, own, draft.path("containerSet.containers")))


def is_ordered(draft: Draft) -> bool:
    """Whether containers of the set wait for each other, or are tried again."""
    written = draft.template.container_set
    if written is None:
        return False
    return written.retry_strategy is not None or any(user.get("dependencies") for user in written.containers)


def order_arguments(draft: Draft, container: str) -> list[str]:
    """The shim's options for a container's place in the order; empty where there is none."""
    written = draft.template.container_set
    user = next((one for one in written.containers if one.get("name") == container), None) if written is not None else None
    if written is None or user is None or not is_ordered(draft):
        return []
    made = ["--order", f"{container}={ORDER_FOLDER}"]
    for name in user.get("dependencies") or ():
        made += ["--after", str(name)]
    return [*made, *(_retry_arguments(draft, written.retry_strategy) if written.retry_strategy else ())]


def _retry_arguments(draft: Draft, strategy: ContainerSetRetryStrategy) -> list[str]:
    try:
        attempts = int(str(strategy.retries or 0).strip())
    except ValueError as e:
        raise SpecError(f"{strategy.retries!r} is no number", path=draft.path("containerSet.retryStrategy.retries")) from e
    pause = parse_duration(strategy.duration) if strategy.duration else None
    milliseconds = int(pause.total_seconds() * 1000) if pause else 0
    return ["--retry", f"{max(1, attempts)}={milliseconds}"]

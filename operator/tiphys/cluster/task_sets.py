"""WorkflowTaskSets by a watch: for the controller, which hears results, and for agents, which hear tasks."""

from collections.abc import Callable

from tiphys.cluster.api import Api
from tiphys.cluster.informer import Informer
from tiphys.model.parse import parse_as
from tiphys.model.task_set import KIND, TaskSet


async def watch_task_sets(
    api: Api,
    namespace: str,
    hear: Callable[[str, TaskSet], None],
    *,
    labels: str = "",
    gone: Callable[[str, TaskSet], None] = lambda _key, _found: None,
) -> None:
    """Tell of every task set, and of those that are deleted, until cancelled."""
    sets = Informer(api, KIND, parse=lambda raw: parse_as(TaskSet, bytes(raw)), namespace=namespace, labels=labels)
    sets.on_change, sets.on_delete = hear, gone
    await sets.run()

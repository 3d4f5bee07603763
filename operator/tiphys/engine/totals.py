"""Progress and resource durations, summed from leaves up the chain of what contains what, in O(depth) a change.

Source: argo-semantics 3.8.
Differs from Argo: a sum is over what a node contains, not over all descendants in the graph, so that a step group counts its own
steps and not those of later groups.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

from tiphys.model.phases import OMITTED, SKIPPED, SUCCEEDED
from tiphys.model.status import NodeStatus

ROOT = ""
"""The container of the entry point and of exit handlers: the workflow itself."""

_PROGRESS = re.compile(r"(\d+)/(\d+)")


@lru_cache(maxsize=1024)
def parse_progress(text: str) -> tuple[int, int]:
    """Done and total of `N/M`; (0, 0) for anything that is no valid progress."""
    found = _PROGRESS.fullmatch(text)
    if found is None:
        return 0, 0
    done, total = int(found.group(1)), int(found.group(2))
    return (done, total) if 0 <= done <= total and total > 0 else (0, 0)


@lru_cache(maxsize=1024)
def leaf_progress(phase: str, reported: str) -> str:
    """What a leaf shows: `0/1` at first, then what its runner reports, all of it once it went well."""
    done, total = parse_progress(reported)
    total = total or 1
    return f"{total}/{total}" if phase in (SUCCEEDED, SKIPPED, OMITTED) else f"{done}/{total}"


class Totals:
    """Sums for each container; `take` gives those that changed."""

    def __init__(self) -> None:
        self._container: dict[str, str] = {}
        self._progress: dict[str, tuple[int, int]] = {}
        self._durations: dict[str, dict[str, int]] = {}
        self._touched: dict[str, None] = {}
        self._whole: set[str] = set()

    def contain(self, node_id: str, container: str) -> bool:
        """Remember what contains the node; False when it was known."""
        if node_id in self._container:
            return False
        self._container[node_id] = container
        if container in self._whole:
            self._open(container)
        return True

    def _open(self, group: str) -> None:
        """What a group that was counted whole contains is counted one by one after all."""
        self._whole.discard(group)
        done, total = self._progress.pop(group, (0, 0))
        spent = self._durations.pop(group, {})
        self._add(self._container.get(group), -done, -total, {resource: -seconds for resource, seconds in spent.items()})

    def count_whole(self, node: NodeStatus) -> None:
        """Count a group that has ended by what it says itself: what it contains is in that already."""
        self._whole.add(node.id)
        self.count(node)

    def count(self, node: NodeStatus) -> None:
        """Count what the node says of itself, instead of what it said before."""
        old_done, old_total = self._progress.get(node.id, (0, 0))
        done, total = parse_progress(node.progress)
        self._progress[node.id] = (done, total)
        before = self._durations.get(node.id, {})
        spent = _difference(node.resources_duration, before) if node.resources_duration != before else {}
        if spent:
            self._durations[node.id] = dict(node.resources_duration)
        self._add(self._container.get(node.id), done - old_done, total - old_total, spent)

    def _add(self, container: str | None, done: int, total: int, spent: Mapping[str, int]) -> None:
        if not (done or total or spent):
            return
        while container is not None and container not in self._whole:
            old_done, old_total = self._progress.get(container, (0, 0))
            self._progress[container] = (old_done + done, old_total + total)
            if spent:
                sums = self._durations.setdefault(container, {})
                for resource, seconds in spent.items():
                    sums[resource] = sums.get(resource, 0) + seconds
            self._touched[container] = None
            container = None if container == ROOT else self._container.get(container)

    def take(self) -> list[tuple[str, str, dict[str, int]]]:
        """Container id, progress and durations of every container that changed since the last call."""
        touched, self._touched = self._touched, {}
        return [(key, "{}/{}".format(*self._progress[key]), dict(self._durations.get(key, {}))) for key in touched]


def _difference(new: Mapping[str, int], old: Mapping[str, int]) -> dict[str, int]:
    return {key: new.get(key, 0) - old.get(key, 0) for key in {*new, *old} if new.get(key, 0) != old.get(key, 0)}

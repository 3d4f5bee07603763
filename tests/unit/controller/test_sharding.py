"""Whose a workflow is."""

from collections import Counter

import pytest

from tiphys.controller.sharding import key_of, owner

UIDS = [f"uid-{index}" for index in range(3000)]


def test_every_replica_picks_the_same_owner() -> None:
    assert [owner(uid, ["a", "b", "c"]) for uid in UIDS] == [owner(uid, {"c", "b", "a"}) for uid in UIDS]


def test_nobody_owns_anything_where_nobody_lives() -> None:
    assert owner("x", frozenset()) == ""


@pytest.mark.parametrize("count", [2, 3, 8])
def test_shares_are_about_the_same(count: int) -> None:
    shares = Counter(owner(uid, [f"replica-{index}" for index in range(count)]) for uid in UIDS)
    assert len(shares) == count
    assert max(shares.values()) < 1.25 * min(shares.values()) + 30


def test_only_what_the_new_replica_gets_changes_hands() -> None:
    before, after = [{uid: owner(uid, members) for uid in UIDS} for members in (["a", "b", "c"], ["a", "b", "c", "d"])]
    moved = {uid for uid in UIDS if before[uid] != after[uid]}
    assert {after[uid] for uid in moved} == {"d"}
    assert len(moved) < len(UIDS) / 3


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"templates": [{"name": "a", "container": {}}]}, "u"),
        ({"synchronization": {"mutexes": [{"name": "m"}]}}, "namespace ns"),
        ({"templates": [{"name": "a", "synchronization": {}}]}, "namespace ns"),
        ({"workflowTemplateRef": {"name": "t"}}, "namespace ns"),
        ({"templates": [{"steps": [[{"templateRef": {"name": "t"}}]]}]}, "namespace ns"),
        ({"templates": [{"dag": {"tasks": [{"inline": {"memoize": {"key": "k"}}}]}}]}, "namespace ns"),
        ({"synchronization": {"mutexes": [{"name": "m", "namespace": "other"}]}}, "namespace other"),
        ({"templates": [{"synchronization": {"semaphores": [{"namespace": "other", "configMapKeyRef": {}}]}}]}, "namespace other"),
        ({"synchronization": {"mutexes": [{"name": "m", "namespace": "other"}, {"name": "n"}]}}, "namespace ns"),
        ({"synchronization": {"mutexes": [{"name": "m", "namespace": "{{workflow.parameters.n}}"}]}}, "namespace ns"),
        ({"synchronization": {"mutexes": [{"name": "m", "namespace": "other", "database": True}]}}, "namespace ns"),
        ({"synchronization": {"mutexes": [{"name": "m", "namespace": "other"}]}, "workflowTemplateRef": {}}, "namespace ns"),
        ({"synchronization": "nonsense"}, "namespace ns"),
        ("no spec at all", "u"),
        (None, "u"),
    ],
)
def test_workflows_that_may_wait_for_each_other_go_by_their_namespace(spec: object, expected: str) -> None:
    assert key_of({"metadata": {"uid": "u", "namespace": "ns"}, "spec": spec}) == expected

"""What is written of a run, beside what others write."""

import itertools

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tiphys.engine.patch import difference, has_replaced, join, merge, resolved
from tiphys.engine.written import Written
from tiphys.testing.world import workflow_of

KEYS = st.sampled_from("abc")
JSON = st.dictionaries(KEYS, st.recursive(st.integers(0, 2), lambda inner: st.dictionaries(KEYS, inner, max_size=3), max_leaves=6))

SPEC = "{entrypoint: main, templates: [{name: main, suspend: {}}]}"


def test_labels_that_others_change_meanwhile_are_not_written_back() -> None:
    workflow = workflow_of(SPEC)
    found = msgspec.structs.replace(workflow.metadata, labels={"theirs": "1"}, annotations={"n": "1"})
    written = Written(msgspec.structs.replace(workflow, metadata=found))
    written.labels["ours"] = "a"
    now = msgspec.structs.replace(found, labels={"theirs": "2"}, annotations={"n": "2"})
    assert written._metadata_patch(now) == {"labels": {"ours": "a"}}
    assert written.metadata(now).labels == {"theirs": "2", "ours": "a"}
    assert written.metadata(now).annotations == {"n": "2"}


def test_a_label_of_ours_that_goes_back_to_what_it_was_is_written() -> None:
    workflow = workflow_of(SPEC)
    found = msgspec.structs.replace(workflow.metadata, labels={"phase": "Running"})
    written = Written(msgspec.structs.replace(workflow, metadata=found))
    written.labels["phase"] = "Failed"
    assert written._metadata_patch(found) == {"labels": {"phase": "Failed"}}
    written.labels["phase"] = "Running"
    stored = msgspec.structs.replace(found, labels={"phase": "Failed"})
    assert written._metadata_patch(stored) == {"labels": {"phase": "Running"}}


def test_joined_patches_replace_what_was_removed_and_made_anew():
    stored = {"status": {"locks": {"holding": ["a"]}, "phase": "Running"}}
    joined: dict[str, object] = {}
    join(joined, {"status": {"locks": None}})
    join(joined, {"status": {"locks": {"waiting": ["b"]}}})
    join(joined, {"status": {"locks": {"seen": None}}})
    assert has_replaced(joined)
    merge(stored, resolved(joined, stored))
    assert stored == {"status": {"locks": {"waiting": ["b"]}, "phase": "Running"}}


@given(st.lists(JSON, min_size=2, max_size=5))
def test_joined_patches_come_to_what_they_come_to_one_by_one(states):
    one, joined = dict(states[0]), {}
    for before, after in itertools.pairwise(states):
        join(joined, difference(before, after))
    merge(one, resolved(joined, states[0]))
    assert one == states[-1]

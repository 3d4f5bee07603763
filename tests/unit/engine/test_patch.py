"""Merge patches: made into a new object, what they do not touch is shared."""

import copy

from tiphys.engine.patch import merge, merged

STORED = {"spec": {"a": [1]}, "status": {"phase": "Running", "nodes": {"x": {"phase": "Pending"}, "y": {"phase": "Running"}}}}
PATCH = {"status": {"phase": None, "nodes": {"x": {"phase": "Running"}, "z": {"kind": "new", "none": None}}}, "spec": {"b": {"c": None}}}


def test_a_merged_object_is_what_merging_in_place_makes() -> None:
    want = copy.deepcopy(STORED)
    merge(want, PATCH)
    assert merged(STORED, PATCH) == want


def test_merging_leaves_the_stored_object_and_shares_what_is_the_same() -> None:
    before = copy.deepcopy(STORED)
    made = merged(STORED, PATCH)
    assert before == STORED
    assert made["status"]["nodes"]["y"] is STORED["status"]["nodes"]["y"]

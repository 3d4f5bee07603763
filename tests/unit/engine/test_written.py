"""What is written of a run, beside what others write."""

import msgspec

from tiphys.engine.written import Written
from tiphys.testing.world import workflow_of

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

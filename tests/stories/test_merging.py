"""Stories of merging: which spec wins, a workflow's own, that of the template it references, or the controller's defaults."""

import pathlib
from typing import Any

import msgspec
import pytest
import yaml

from tiphys.engine.precedence import merged_spec
from tiphys.model.parse import parse_as, to_json
from tiphys.model.spec import WorkflowSpec

STORIES: list[dict[str, Any]] = yaml.safe_load((pathlib.Path(__file__).parent / "merging/specs.yaml").read_text())
NAMES = [story["name"] for story in STORIES]


def spec_of(written: dict[str, Any]) -> WorkflowSpec:
    return parse_as(WorkflowSpec, written)


def test_there_are_stories_enough_and_no_two_of_one_name() -> None:
    assert len(STORIES) == len(set(NAMES)) >= 40
    assert {story["rule"] for story in STORIES} == {"22.3", "22.5"}


@pytest.mark.parametrize("story", STORIES, ids=NAMES)
def test_the_strong_spec_lies_over_the_weak(story: dict[str, Any]) -> None:
    strong, weak, merged = (spec_of(story[part]) for part in ("strong", "weak", "merged"))
    assert to_json(merged_spec(strong, weak)) == to_json(merged)
    assert to_json(merged_spec(strong, weak, WorkflowSpec())) == to_json(merged), "a template without defaults"
    alone = msgspec.structs.replace(merged, suspend=None)
    assert to_json(merged_spec(WorkflowSpec(), strong, weak)) == to_json(alone), "a template over the defaults"
    assert merged_spec(strong, merged) == merged, "merging twice is merging once"


@pytest.mark.parametrize("story", STORIES, ids=NAMES)
def test_merging_with_nothing_changes_nothing(story: dict[str, Any]) -> None:
    spec = spec_of(story["strong"])
    assert merged_spec(spec, WorkflowSpec()) == spec
    assert merged_spec(WorkflowSpec(), spec) == msgspec.structs.replace(spec, suspend=None)


def test_the_first_of_three_specs_is_the_strongest() -> None:
    written = ({"entrypoint": "a"}, {"entrypoint": "b", "onExit": "b"}, {"onExit": "c", "priority": 3})
    made = merged_spec(*(spec_of(one) for one in written))
    assert (made.entrypoint, made.on_exit, made.priority) == ("a", "b", 3)

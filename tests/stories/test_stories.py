"""Every story comes true, lived through and restored before each turn."""

import collections
import pathlib

import pytest

from tiphys.testing.stories import Story, StoryError, read_stories

HERE = pathlib.Path(__file__).parent
STORIES = [(path.stem, story) for path in sorted(HERE.glob("*.yaml")) for story in read_stories(path.read_text())]


@pytest.mark.parametrize("restores", [False, True], ids=["lived", "restored"])
@pytest.mark.parametrize(("area", "story"), STORIES, ids=[f"{area}: {story.name}" for area, story in STORIES])
def test_story(area: str, story: Story, restores: bool) -> None:
    story.tell(restores=restores)


def test_there_are_stories_enough_and_no_two_of_one_name() -> None:
    assert len(STORIES) >= 250
    assert [name for name, count in collections.Counter(story.name for _, story in STORIES).items() if count > 1] == []


@pytest.mark.parametrize(
    ("turns", "why"),
    [
        ([{"starts": ["b"]}], "starts: wanted"),
        ([{"starts": ["a"], "nodes": {"a": "Running"}}], "node a: wanted"),
        ([{"starts": ["a"]}, {"ends": {"c": "Failed"}}], "0 nodes are called 'c'"),
    ],
)
def test_a_story_that_does_not_come_true_is_told(turns: list[dict[str, object]], why: str) -> None:
    story = Story({"name": "s", "rule": "6", "steps": [[{"name": "a", "template": "leaf"}]], "turns": turns})
    with pytest.raises(StoryError, match=why):
        story.tell(restores=False)


@pytest.mark.parametrize("turns", [[{"runs": ["a"]}], [{"begins": ["a"]}]])
def test_a_story_that_checks_nothing_or_has_unknown_words_is_refused(turns: list[dict[str, object]]) -> None:
    with pytest.raises(StoryError):
        Story({"name": "s", "rule": "6", "steps": [], "turns": turns})

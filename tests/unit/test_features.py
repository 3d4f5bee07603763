"""docs/features.md is complete, and every claim that something works names a test that is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = 627
SECTIONS = 28
STATES = ("works", "partly", "not yet", "other", "n/a")


def _table() -> tuple[int, list[list[str]]]:
    """The number of sections, and the cells of each row: feature, field, state, shown by."""
    lines = (ROOT / "docs/features.md").read_text(encoding="utf-8").splitlines()
    sections = sum(re.match(r"## \d+\. ", line) is not None for line in lines)
    rows = [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in lines
        if line.startswith("| ") and not line.startswith("| feature |")
    ]
    return sections, rows


def _shown(cells: list[str]) -> list[str]:
    return re.findall(r"(?:tests|deploy)/[^`,;\s]+", cells[3])


def test_the_table_has_a_row_for_every_feature_of_the_reference() -> None:
    sections, rows = _table()
    assert (sections, len(rows)) == (SECTIONS, ROWS)
    assert [cells for cells in rows if len(cells) != 4] == []


def test_every_row_says_a_state() -> None:
    assert [cells[0] for cells in _table()[1] if not cells[2].startswith(STATES)] == []


@pytest.mark.parametrize("claim", ["names a test", "names what exists"])
def test_a_row_that_says_works_names_what_shows_it(claim: str) -> None:
    works = [cells for cells in _table()[1] if cells[2].startswith("works")]
    if claim == "names a test":
        assert [cells[0] for cells in works if not _shown(cells)] == []
    else:
        assert [(cells[0], path) for cells in works for path in _shown(cells) if not (ROOT / path).exists()] == []

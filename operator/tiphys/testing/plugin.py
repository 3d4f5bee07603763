"""For pytest: files called `*.test.yaml` are collected, each case is a test.

Installed with Tiphys; `from tiphys.testing import Trial` is for tests in Python.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tiphys.testing.cases import Case, Cases

_ENDING = ".test.yaml"


def pytest_collect_file(parent: pytest.Collector, file_path: Path) -> "TrialFile | None":
    """Files of trials."""
    return TrialFile.from_parent(parent, path=file_path) if file_path.name.endswith(_ENDING) else None


class TrialFile(pytest.File):
    """One file of trials."""

    def collect(self) -> "Iterator[TrialItem]":
        """Its cases."""
        from tiphys.testing.cases import read_cases

        cases = read_cases(self.path)
        for case in cases.cases:
            yield TrialItem.from_parent(self, name=case.name, cases=cases, case=case)


class TrialItem(pytest.Item):
    """One case."""

    def __init__(self, *, cases: "Cases", case: "Case", **more: Any) -> None:
        super().__init__(**more)
        self._cases = cases
        self._case = case

    def runtest(self) -> None:
        """Play it."""
        from tiphys.testing.cases import play

        _, faults = play(self.path, self._cases, self._case)
        if faults:
            raise AssertionError("\n".join(faults))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str:  # noqa: ARG002 pytest's signature
        """What is not as expected."""
        return str(excinfo.value)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where it stands."""
        return self.path, 0, self.name

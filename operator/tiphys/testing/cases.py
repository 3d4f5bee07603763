"""Files of trials: `NAME.test.yaml` beside the workflow.

workflow: coin-flip.yaml
cases:
- name: heads
mocks: {flip-coin: {result: heads}}
expect: {phase: Succeeded, nodes: {tails: Skipped}}
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import yaml

from tiphys.errors import SpecError, TiphysError
from tiphys.testing.trial import Trial, all_templates, conditional_steps

ENDING = ".test.yaml"


class Expected(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What must come of a trial; what is not named may be anything.

    Attributes:
        message: Part of the workflow's message.
        nodes: Display name -> phase.
        absent: Display names that must have no node.
        order: Display names in the order in which they begin, others may come between.
        inputs: Display name -> input parameters.
        outputs: Display name (of the entry point: `workflow`) -> output parameters.
        tries: Display name -> how often it ran.
        seconds: Virtual time in all, at most.
    """

    phase: str = ""
    message: str = ""
    nodes: dict[str, str] = {}
    absent: list[str] = []
    order: list[str] = []
    inputs: dict[str, dict[str, str]] = {}
    outputs: dict[str, dict[str, str]] = {}
    tries: dict[str, int] = {}
    seconds: float | None = None


class Case(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """One trial."""

    name: str
    parameters: dict[str, str | int | float | bool] = {}
    mocks: dict[str, dict[str, Any]] = {}
    expect: Expected = Expected()


class Cases(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """One file.

    Attributes:
        workflow: The workflow's file, beside this one.
        with_: Files or folders with templates that it calls.
    """

    workflow: str
    cases: list[Case]
    with_: list[str] = msgspec.field(default_factory=list, name="with")


def read_cases(path: Path) -> Cases:
    """The trials of a file.

    Raises:
        SpecError: It is none.
    """
    try:
        found = msgspec.convert(yaml.safe_load(path.read_text()), Cases, strict=False)
    except yaml.YAMLError as e:
        raise SpecError(f"{path}: not valid YAML: {e}") from e
    except msgspec.ValidationError as e:
        raise SpecError(f"{path}: {e}") from e
    names = [case.name for case in found.cases]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SpecError(f"{path}: there are two cases {twice[0]!r}")
    return found


def play(path: Path, cases: Cases, case: Case) -> tuple[Trial, list[str]]:
    """Play a case; the trial and what is not as expected.

    Raises:
        TiphysError: The workflow cannot be read.
    """
    trial = Trial.of(path.parent / cases.workflow, *(path.parent / one for one in cases.with_))
    trial.given(**{name: _text(value) for name, value in case.parameters.items()})
    for name, does in case.mocks.items():
        trial.mock(name, **does)
    trial.play()
    return trial, list(_faults(trial, case.expect))


def _text(value: str | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _faults(trial: Trial, expect: Expected) -> Iterator[str]:
    status = trial.workflow.status
    if expect.phase and status.phase != expect.phase:
        yield f"phase is {status.phase}, not {expect.phase}{': ' + status.message if status.message else ''}"
    if expect.message and expect.message not in status.message:
        yield f"message is {status.message!r}, without {expect.message!r}"
    phases = trial.phases
    for name, phase in expect.nodes.items():
        if phases.get(name) != phase:
            yield f"{name} is {phases.get(name, 'not there')}, not {phase}"
    yield from (f"{name} is there, {phases[name]}" for name in expect.absent if name in phases)
    began = [name for name in trial.order if name in expect.order]
    if began != expect.order:
        yield f"order is {', '.join(began)}, not {', '.join(expect.order)}"
    yield from _values(trial, expect)
    for name, count in expect.tries.items():
        if trial.tries(name) != count:
            yield f"{name} ran {trial.tries(name)} times, not {count}"
    if expect.seconds is not None and trial.seconds > expect.seconds:
        yield f"it took {trial.seconds:g} s, more than {expect.seconds:g}"
    yield from (f"mock {name!r} was never asked for" for name in trial.unused_mocks)


def _values(trial: Trial, expect: Expected) -> Iterator[str]:
    for what, wanted, read in (("input", expect.inputs, trial.inputs), ("output", expect.outputs, trial.outputs)):
        for name, values in wanted.items():
            try:
                found = read("" if name == "workflow" else name)
            except TiphysError as e:
                yield e.message
                continue
            for key, value in values.items():
                if found.get(key) != value:
                    yield f"{what} {key} of {name} is {found.get(key)!r}, not {value!r}"


class Coverage:
    """Which templates and branches of a workflow the trials went through."""

    def __init__(self) -> None:
        self._templates: set[str] = set()
        self._run: set[str] = set()
        self._branches: set[tuple[str, str]] = set()
        self._taken: set[tuple[str, str]] = set()

    def add(self, trial: Trial) -> None:
        """Count a trial."""
        self._templates |= set(all_templates(trial.workflow))
        self._run |= trial.templates_run()
        for template in trial.workflow.spec.templates:
            for name in conditional_steps(template):
                self._branches |= {(f"{template.name}/{name}", how) for how in ("yes", "no")}
        self._taken |= trial.branches_taken()

    def lines(self) -> list[str]:
        """What to tell."""
        templates, branches = self._templates, self._branches
        counts = len(self._run & templates), len(templates), len(self._taken & branches), len(branches)
        told = ["templates {}/{}, branches {}/{}".format(*counts)]
        told += [f"  never called: {name}" for name in sorted(templates - self._run)]
        told += [f"  never {how}: {name}" for name, how in sorted(branches - self._taken)]
        return told

    @property
    def percent(self) -> float:
        """Of templates and branches together."""
        whole = len(self._templates) + len(self._branches)
        return 100.0 if not whole else 100.0 * (len(self._run & self._templates) + len(self._taken & self._branches)) / whole

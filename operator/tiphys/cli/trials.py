"""`test`: unit tests of workflows, without a cluster and without waiting."""

import time
from pathlib import Path
from xml.etree import ElementTree as Xml

import msgspec

from tiphys.errors import NotFound, TiphysError
from tiphys.testing.cases import ENDING, Coverage, play, read_cases


class Outcome(msgspec.Struct, frozen=True):
    """How one case went."""

    file: str
    name: str
    seconds: float
    faults: list[str]


def play_all(*paths: str, junit: str = "", coverage: float = 0.0) -> int:
    """Play the cases of `*.test.yaml` files; 1 when one does not go as expected.

    Args:
        paths: Files, or folders to look through; this folder without any.
        junit: Write a JUnit report to this file.
        coverage: Fail below so many percent of templates and branches.
    """
    files = [file for path in paths or (".",) for file in _files(Path(path))]
    if not files:
        raise NotFound(f"no {ENDING} files in {', '.join(paths or ('this folder',))}")
    outcomes, counts = list[Outcome](), Coverage()
    for file in files:
        outcomes += _play_file(file, counts)
    for outcome in outcomes:
        print(f"{'✖' if outcome.faults else '✔'} {outcome.file}: {outcome.name}")
        for fault in outcome.faults:
            print(f"    {fault}")
    print("\n".join(counts.lines()))
    failed = sum(bool(outcome.faults) for outcome in outcomes)
    print(f"{len(outcomes) - failed} passed, {failed} failed")
    if junit:
        _write_junit(Path(junit), outcomes)
    return 1 if failed or counts.percent < coverage else 0


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise NotFound(f"no file {path}")
    return sorted(path.rglob(f"*{ENDING}")) if path.is_dir() else [path]


def _play_file(file: Path, counts: Coverage) -> list[Outcome]:
    try:
        cases = read_cases(file)
    except TiphysError as e:
        return [Outcome(str(file), "(the file)", 0.0, [e.message])]
    made = []
    for case in cases.cases:
        began = time.monotonic()
        try:
            trial, faults = play(file, cases, case)
            counts.add(trial)
        except TiphysError as e:
            faults = [e.message]
        made.append(Outcome(str(file), case.name, time.monotonic() - began, faults))
    return made


def _write_junit(path: Path, outcomes: list[Outcome]) -> None:
    failed = sum(bool(outcome.faults) for outcome in outcomes)
    suite = Xml.Element("testsuite", name="tiphys", tests=str(len(outcomes)), failures=str(failed))
    for outcome in outcomes:
        case = Xml.SubElement(suite, "testcase", classname=outcome.file, name=outcome.name, time=f"{outcome.seconds:.3f}")
        if outcome.faults:
            Xml.SubElement(case, "failure", message=outcome.faults[0]).text = "\n".join(outcome.faults)
    Xml.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)

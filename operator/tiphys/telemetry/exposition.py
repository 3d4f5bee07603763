"""Metrics in Prometheus' text format, as the administrator wants them: some left out, some with fewer labels.

The format's own library adds `_total` to every counter's name; Argo's names are given and stay as they are.

Source: Prometheus, exposition formats, text format 0.0.4; argo-semantics 26.1.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from tiphys.settings.configuration import MetricModifier

PREFIX = "argo_workflows_"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Line(NamedTuple):
    """One sample."""

    name: str
    labels: Mapping[str, str]
    value: float


class Family(NamedTuple):
    """All samples of one metric; `name` is as it is shown."""

    name: str
    help: str
    kind: str
    lines: Iterable[Line]


def modified(families: Iterable[Family], modifiers: Mapping[str, MetricModifier]) -> Iterator[Family]:
    """What the administrator wants to see. Samples that differ only in labels that are left out are added up."""
    for family in families:
        modifier = modifiers.get(family.name.removeprefix(PREFIX), MetricModifier())
        if modifier.disabled:
            continue
        if modifier.disabled_attributes:
            yield family._replace(lines=_merged(family.lines, frozenset(modifier.disabled_attributes)))
        else:
            yield family


def expose(families: Iterable[Family]) -> bytes:
    """The text."""
    parts: list[str] = []
    for family in families:
        parts.append(f"# HELP {family.name} {_escape(family.help)}\n# TYPE {family.name} {family.kind}\n")
        parts.extend(f"{line.name}{_labels(line.labels)} {_number(line.value)}\n" for line in family.lines)
    return "".join(parts).encode()


def _merged(lines: Iterable[Line], dropped: frozenset[str]) -> Iterator[Line]:
    sums: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
    for line in lines:
        key = (line.name, tuple((name, text) for name, text in line.labels.items() if name not in dropped))
        sums[key] = sums.get(key, 0.0) + line.value
    for (name, labels), value in sums.items():
        yield Line(name, dict(labels), value)


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_quoted(text)}"' for name, text in sorted(labels.items())) + "}"


def _quoted(text: str) -> str:
    return _escape(text).replace('"', '\\"')


def _number(value: float) -> str:
    if value != value:  # noqa: PLR0124 only NaN differs from itself
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    return repr(float(value))

"""Every key of Argo's configuration that docs/features.md lists is a setting, and every setting is used by something."""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

import tiphys
from tiphys.settings.base import Settings
from tiphys.settings.configuration import Configuration

HOME = Path(tiphys.__file__).parent
FEATURES = HOME.parents[1] / "docs/features.md"
NOT_KEYS = {"Format", "Keys in the sample that do not exist", "Reload"}
WITHOUT_EFFECT = {
    "telemetryConfig": "as in Argo",
    "metricsConfig.disableLegacy": "as in Argo",
    "initlessPod": "pods have no init container without need",
    "sso.rbac.secretWhitelist": "no Secret holds a token",
    "persistence.reconnectionConfig.maxRetries": "what waits is never given up",
    "synchronization.reconnectionConfig.maxRetries": "what waits is never given up",
}


def listed() -> Iterator[str]:
    """The paths of the table."""
    section = FEATURES.read_text().partition("## 22. ")[2].partition("## 23. ")[0].replace(r"\|", ",")
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) < 5 or cells[1] in {"feature", "---", *NOT_KEYS}:
            continue
        inside = re.search(r"`(?:list |map image to )?\{(.*)\}`", cells[2])
        for name in cells[1].split(" / "):
            yield name
            for part in inside[1].partition(":")[0].split(",") if inside else ():
                field = part.split()[0].removesuffix("[]")
                yield f"{name}.{field}"


def settings(kind: type[msgspec.Struct], above: str = "") -> Iterator[tuple[str, str]]:
    """Every setting below a type: its path and the name of its attribute."""
    for field in msgspec.structs.fields(kind):
        path = above + field.encode_name
        yield path, field.name
        for inner in msgspec.inspect.type_info(kind).fields:  # type: ignore[attr-defined]
            if inner.name == field.name:
                for below in structs(inner.type):
                    yield from settings(below, f"{path}.")


def structs(of: msgspec.inspect.Type) -> Iterator[type[msgspec.Struct]]:
    """The types of settings that a type holds, in lists, maps and alternatives too."""
    if isinstance(of, msgspec.inspect.StructType) and issubclass(of.cls, Settings):
        yield of.cls
    for name in ("types", "item_type", "value_type"):
        held = getattr(of, name, ())
        for one in held if isinstance(held, tuple) else (held,):
            yield from structs(one)


KNOWN = dict(settings(Configuration))
SOURCES = "\n".join(path.read_text() for path in sorted(HOME.rglob("*.py")) if path.parent.name not in ("settings", "testing"))


@pytest.mark.parametrize("path", sorted(set(listed())))
def test_a_key_that_the_inventory_lists_is_a_setting(path):
    assert path in KNOWN or path.startswith("artifactRepository.")


@pytest.mark.parametrize("path", sorted(KNOWN))
def test_a_setting_is_used(path):
    has_none = any(path == one or path.startswith(f"{one}.") for one in WITHOUT_EFFECT)
    assert has_none or re.search(rf"\.{KNOWN[path]}\b", SOURCES)


def test_every_setting_at_the_top_is_listed():
    assert {path for path in KNOWN if "." not in path} == {path.partition(".")[0] for path in listed()}

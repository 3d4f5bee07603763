"""The door of the settings: the text of a ConfigMap becomes types, or an error that names the key.

Raises `SpecError` (code `spec`) for what cannot be read; nothing else escapes.
"""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
import yaml

from tiphys.errors import SpecError
from tiphys.model.base import AnyString, any_text, without_nulls
from tiphys.model.durations import parse_duration
from tiphys.model.unknown import unknown_fields
from tiphys.settings.base import Duration
from tiphys.settings.configuration import Configuration
from tiphys.settings.own import OwnConfiguration

S = TypeVar("S", bound=msgspec.Struct)
_AT = re.compile(r" - at `\$\.?(.*)`$")
_WHOLE = "config"
_MOVED = {
    "semaphoreLimitCacheSeconds": "write it below synchronization",
    "metricsConfig.options": "Argo's documentation shows it, no version reads it",
    "metricsConfig.disable": "write metricsConfig.modifiers.<metric>.disabled",
}


class _UniqueKeys(yaml.SafeLoader):
    """Reads YAML; a key that is said twice is an error, since one of the two would be lost."""


def _mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} is said twice", key.start_mark)
            seen.add(key.value)
    loader.flatten_mapping(node)
    return loader.construct_mapping(node, deep=True)


_UniqueKeys.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def parse_configuration(entries: Mapping[str, str]) -> Configuration:
    """Argo's configuration from the `data` of its ConfigMap: everything below the key `config`, or one key for each setting.

    Raises:
        SpecError: It cannot be read; `path` names the setting.
    """
    return _parse(Configuration, entries)


def parse_own_configuration(entries: Mapping[str, str]) -> OwnConfiguration:
    """Our own configuration from the `data` of the ConfigMap `tiphys`, in the same two layouts.

    Raises:
        SpecError: It cannot be read; `path` names the setting.
    """
    return _parse(OwnConfiguration, entries)


def find_faults(kind: type[msgspec.Struct], entries: Mapping[str, object]) -> list[SpecError]:
    """All that is wrong with a configuration: unknown fields, then the first field of a wrong type.

    Args:
        kind: `Configuration` or `OwnConfiguration`.
        entries: The `data` of a ConfigMap, or its settings as they are once read.
    """
    try:
        value = _settings({key: text for key, text in entries.items() if isinstance(text, str)})
        plain = _plain({**entries, **value} if isinstance(value, Mapping) and _WHOLE not in entries else value)
    except SpecError as e:
        return [e]
    faults = _unknown(kind, plain)
    try:
        _typed(kind, plain)
    except SpecError as e:
        faults.append(e)
    return faults


def _parse(kind: type[S], entries: Mapping[str, str]) -> S:
    plain = _plain(_settings(entries))
    for fault in _unknown(kind, plain):
        raise fault
    return _typed(kind, plain)


def _settings(entries: Mapping[str, str]) -> object:
    if _WHOLE in entries:
        others = sorted(set(entries) - {_WHOLE})
        if others:
            message = f"beside the key 'config' no other is allowed, found {', '.join(others)}"
            raise SpecError(message, path=_WHOLE, hint="move them below config")
        return _load(entries[_WHOLE], _WHOLE)
    return {key: _load(text, key) for key, text in entries.items()}


def _load(text: str, path: str) -> object:
    try:
        return yaml.load(text, _UniqueKeys)  # noqa: S506 a kind of SafeLoader
    except (yaml.YAMLError, RecursionError, ValueError) as e:
        raise SpecError(f"no YAML: {' '.join(str(e).split())}", path=path) from e


def _plain(value: object) -> object:
    try:
        return msgspec.to_builtins(without_nulls(value if value is not None else {}), str_keys=True)
    except (RecursionError, TypeError) as e:
        raise SpecError(str(e)) from e


def _unknown(kind: type[msgspec.Struct], plain: object) -> list[SpecError]:
    return [SpecError(e.message, hint=_MOVED[e.path]) if e.path in _MOVED else e for e in unknown_fields(kind, plain)]


def _typed(kind: type[S], plain: object) -> S:
    try:
        return msgspec.convert(plain, kind, dec_hook=_read_special)
    except (msgspec.ValidationError, RecursionError) as e:
        found = _AT.search(str(e))
        message = str(e)[: found.start()] if found else str(e)
        raise SpecError(message, path=found.group(1) if found else "") from e


def _read_special(expected: type, value: object) -> object:
    if expected is AnyString:
        return any_text(value)
    if expected is Duration:
        try:
            return parse_duration(any_text(value))
        except SpecError as e:
            raise ValueError(e.message) from e
    raise NotImplementedError(expected)

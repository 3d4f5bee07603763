"""Kubernetes' strategic merge of patches into pod specs: maps key by key, lists of named things by their key, other lists whole.

Source: Kubernetes' API conventions; `patchMergeKey` and `patchStrategy` of the pod's types.
"""

from collections.abc import Mapping
from typing import Any

from tiphys.errors import SpecError
from tiphys.model.base import Json

MERGE_KEYS = {
    "containers": "name", "initContainers": "name", "ephemeralContainers": "name", "volumes": "name", "env": "name",
    "imagePullSecrets": "name", "volumeMounts": "mountPath", "ports": "containerPort", "hostAliases": "ip",
    "topologySpreadConstraints": "topologyKey", "resourceClaims": "name", "volumeDevices": "devicePath",
    "schedulingGates": "name",
}  # fmt: skip
"""List -> what tells its elements apart. Lists not named here (tolerations, commands, arguments, `envFrom`) are replaced."""
_DIRECTIVE, _RETAIN, _ORDER, _REMOVE = "$patch", "$retainKeys", "$setElementOrder/", "$deleteFromPrimitiveList/"


def strategic_merge(target: Json, patch: Json, path: str = "") -> Json:
    """`target` with `patch` merged in.

    A null removes a key. `$patch: replace` and `$patch: delete`, `$retainKeys`, `$setElementOrder/<list>` and
    `$deleteFromPrimitiveList/<list>` mean what they mean to the API server. New elements come before those that were there.

    Args:
        target: What is patched; not changed.
        patch: What to merge in; not changed.
        path: Where the patch stands, for errors.

    Raises:
        SpecError: An element of a list lacks its key, or a directive is unknown.
    """
    match patch.get(_DIRECTIVE, "merge"):
        case "replace":
            return {key: value for key, value in patch.items() if key != _DIRECTIVE}
        case "delete":
            return {}
        case "merge":
            pass
        case other:
            raise SpecError(f"unknown patch type: {other}", path=path, hint="there are merge, replace and delete")
    merged = dict(target)
    if isinstance(patch.get(_RETAIN), list):
        merged = {key: value for key, value in merged.items() if key in patch[_RETAIN]}
    for key, value in patch.items():
        if key in (_DIRECTIVE, _RETAIN) or key.startswith(_ORDER):
            continue
        if key.startswith(_REMOVE):
            _without(merged, key.removeprefix(_REMOVE), value)
        else:
            _put(merged, key, value, patch.get(_ORDER + key), f"{path}.{key}" if path else key)
    return merged


def _without(merged: Json, key: str, values: Any) -> None:
    if isinstance(merged.get(key), list) and isinstance(values, list):
        merged[key] = [value for value in merged[key] if value not in values]


def _put(merged: Json, key: str, value: Any, order: Any, path: str) -> None:
    old = merged.get(key)
    if value is None:
        merged.pop(key, None)
    elif isinstance(value, dict):
        merged[key] = strategic_merge(old if isinstance(old, dict) else {}, value, path)
    elif isinstance(value, list) and key in MERGE_KEYS:
        merged[key] = _merge_list(old if isinstance(old, list) else [], value, MERGE_KEYS[key], path)
        if isinstance(order, list):
            merged[key] = _ordered(merged[key], order, MERGE_KEYS[key])
    else:
        merged[key] = value


def _merge_list(target: list[Any], patch: list[Any], by: str, path: str) -> list[Any]:
    if any(isinstance(item, dict) and item.get(_DIRECTIVE) == "replace" and len(item) == 1 for item in patch):
        return [item for item in patch if not (isinstance(item, dict) and item.get(_DIRECTIVE) == "replace")]
    kept = list(target)
    added: list[Any] = []
    for item in patch:
        if not isinstance(item, dict) or by not in item:
            raise SpecError(f"an element does not contain declared merge key: {by}", path=path)
        place = _place(kept, by, item[by])
        if item.get(_DIRECTIVE) == "delete":
            kept = kept if place is None else [*kept[:place], *kept[place + 1 :]]
        elif place is not None:
            kept[place] = strategic_merge(kept[place], item, f"{path}[{item[by]}]")
        else:
            added.append(strategic_merge({}, item, f"{path}[{item[by]}]"))
    return [*added, *kept]


def _place(items: list[Any], by: str, wanted: Any) -> int | None:
    return next((i for i, old in enumerate(items) if isinstance(old, Mapping) and old.get(by) == wanted), None)


def _ordered(items: list[Any], order: list[Any], by: str) -> list[Any]:
    wanted = [entry.get(by) for entry in order if isinstance(entry, dict)]
    places = {value: place for place, value in enumerate(wanted)}
    return sorted(items, key=lambda item: places.get(item.get(by), len(places)))

"""Kubernetes' strategic merge of patches into pod specs: maps key by key, lists of named things by their key.

Source: Kubernetes' API conventions (patchMergeKey of the pod's types).
"""

from typing import Any

from tiphys.model.base import Json

_KEYS = {
    "containers": "name", "initContainers": "name", "ephemeralContainers": "name", "volumes": "name", "env": "name",
    "imagePullSecrets": "name", "volumeMounts": "mountPath", "ports": "containerPort", "hostAliases": "ip",
    "topologySpreadConstraints": "topologyKey", "resourceClaims": "name", "volumeDevices": "devicePath",
}  # fmt: skip


def strategic_merge(target: Json, patch: Json) -> Json:
    """`target` with `patch` merged in; a null removes a key, `$patch: delete` an element, `$patch: replace` replaces."""
    if patch.get("$patch") == "replace":
        return {key: value for key, value in patch.items() if key != "$patch"}
    merged = dict(target)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = strategic_merge(merged[key], value)
        elif isinstance(value, list) and isinstance(merged.get(key), list) and key in _KEYS:
            merged[key] = _merge_list(merged[key], value, _KEYS[key])
        else:
            merged[key] = value
    return merged


def _merge_list(target: list[Any], patch: list[Any], by: str) -> list[Any]:
    merged = list(target)
    for item in patch:
        if not isinstance(item, dict) or by not in item:
            merged.append(item)
            continue
        place = next((i for i, old in enumerate(merged) if isinstance(old, dict) and old.get(by) == item[by]), None)
        if item.get("$patch") == "delete":
            merged = [old for i, old in enumerate(merged) if i != place]
        elif place is None:
            merged.append(item)
        else:
            merged[place] = strategic_merge(merged[place], item)
    return merged

"""Secrets of artifact stores as files, for executor containers only: never as variables, never in a user's container."""

from collections.abc import Iterable

from tiphys.model.arguments import Artifact
from tiphys.model.base import Json, KeySelector
from tiphys.model.names import fnv1a32
from tiphys.model.places import CONFIG_MAP, secrets_of
from tiphys.model.staging import SECRET_FOLDER

_MAX_NAME = 54


def secret_volumes(artifacts: Iterable[Artifact]) -> list[Json]:
    """One volume for each secret or ConfigMap, with the keys that artifacts need; optional where every use of it is."""
    wanted: dict[str, dict[str, KeySelector]] = {}
    for artifact in artifacts:
        for selector in secrets_of(artifact):
            wanted.setdefault(selector.name, {})[selector.key] = selector
    return [{"name": _volume_name(name), **_source(name, keys)} for name, keys in wanted.items()]


def secret_mounts(artifacts: Iterable[Artifact]) -> list[Json]:
    """The mounts of these secrets, where executors look for them."""
    names = dict.fromkeys(selector.name for artifact in artifacts for selector in secrets_of(artifact))
    return [{"name": _volume_name(name), "mountPath": f"{SECRET_FOLDER}/{name}", "readOnly": True} for name in names]


def _source(name: str, keys: dict[str, KeySelector]) -> Json:
    source: Json = {"items": [{"key": key, "path": key} for key in keys]}
    if all(selector.optional for selector in keys.values()):
        source["optional"] = True
    if name.startswith(CONFIG_MAP):
        return {"configMap": {"name": name.removeprefix(CONFIG_MAP), **source}}
    return {"secret": {"secretName": name, **source}}


def _volume_name(name: str) -> str:
    """A secret's name may hold dots and be longer than a volume's may; a ConfigMap's is marked with what no volume's holds."""
    is_plain = len(name) <= _MAX_NAME and "." not in name and not name.startswith(CONFIG_MAP)
    return f"artifact-{name}" if is_plain else f"artifact-{fnv1a32(name)}"

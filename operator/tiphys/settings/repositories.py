"""Artifact repositories in ConfigMaps: each key holds one in YAML, an annotation names the default key. Pure.

Source: argo-semantics 20.3.
"""

from collections.abc import Mapping

import msgspec
import yaml

from tiphys.errors import SpecError
from tiphys.model.base import ObjectMeta
from tiphys.model.locations import ArtifactRepository, ArtifactRepositoryRef
from tiphys.model.parse import nearest, parse_as

CONFIG_MAP = "artifact-repositories"
ANNOTATION_DEFAULT = "workflows.argoproj.io/default-artifact-repository"


class RepositoryMap(msgspec.Struct, frozen=True):
    """What is read of such a ConfigMap."""

    metadata: ObjectMeta = ObjectMeta()
    data: dict[str, str] = {}


def shown(ref: ArtifactRepositoryRef) -> str:
    """The reference as messages show it."""
    return f"{ref.config_map}#{ref.key}"


def default_key(config_map: RepositoryMap) -> str:
    """The key that counts where nobody names one; empty when the ConfigMap does not say."""
    return config_map.metadata.annotations.get(ANNOTATION_DEFAULT, "")


def repository_at(config_map: RepositoryMap, key: str) -> ArtifactRepository | None:
    """The repository under a key; None when there is no such key.

    Raises:
        SpecError: What is there is none.
    """
    text = config_map.data.get(key)
    if text is None:
        return None
    path = f"{config_map.metadata.name or CONFIG_MAP}.{key}"
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as e:
        raise SpecError(f"is no YAML: {e}", path=path) from e
    if not isinstance(found, Mapping):
        raise SpecError("is no object", path=path)
    unknown = [name for name in found if name not in _FIELDS]
    if unknown:
        raise SpecError(f"unknown field '{unknown[0]}'{nearest(str(unknown[0]), list(_FIELDS))}", path=path)
    return parse_as(ArtifactRepository, found)


_FIELDS = frozenset(field.encode_name for field in msgspec.structs.fields(ArtifactRepository))

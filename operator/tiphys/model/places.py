"""What can be said of an artifact's place without going there: its kind, its key, the secrets that open it."""

from collections.abc import Iterator

import msgspec

from tiphys.model.arguments import Artifact, ArtifactLocation
from tiphys.model.base import KeySelector

#: kind -> the field of it that says where inside the store the artifact is; empty where there is only one place.
KEY_FIELDS = {
    "s3": "key", "gcs": "key", "oss": "key", "azure": "blob", "hdfs": "path", "artifactory": "url", "http": "url",
    "plugin": "key", "git": "", "raw": "",
}  # fmt: skip

CONFIG_MAP = "ConfigMap_"
"""Begins the name of a ConfigMap where names of Secrets stand."""


def kind_of(artifact: Artifact | ArtifactLocation) -> str:
    """The kind of place (`s3`, `git`, ...); empty when the artifact has none."""
    return next((kind for kind in KEY_FIELDS if getattr(artifact, kind) is not None), "")


def key_of(artifact: Artifact | ArtifactLocation) -> str:
    """Where inside its store the artifact is; empty when it does not say."""
    kind = kind_of(artifact)
    field = KEY_FIELDS.get(kind, "")
    return str(getattr(getattr(artifact, kind), field)) if field else ""


def with_key(artifact: Artifact, key: str) -> Artifact:
    """The artifact at another key of the same store; unchanged when its kind has no keys."""
    kind = kind_of(artifact)
    field = KEY_FIELDS.get(kind, "")
    if not field:
        return artifact
    return msgspec.structs.replace(artifact, **{kind: msgspec.structs.replace(getattr(artifact, kind), **{field: key})})


def bucket_of(artifact: Artifact | ArtifactLocation) -> str:
    """The bucket or container that holds it, for messages; empty where there is none."""
    place = getattr(artifact, kind_of(artifact), None) if kind_of(artifact) else None
    return str(getattr(place, "bucket", "") or getattr(place, "container", ""))


def config_map(selector: KeySelector) -> KeySelector:
    """The key of a ConfigMap among those of Secrets, whose names hold no such sign."""
    return msgspec.structs.replace(selector, name=f"{CONFIG_MAP}{selector.name}")


def secrets_of(artifact: Artifact | ArtifactLocation) -> tuple[KeySelector, ...]:
    """Each secret's key that opening the artifact's place needs, once, in order of the fields; ConfigMaps are marked."""
    kind = kind_of(artifact)
    found = dict.fromkeys(_selectors(getattr(artifact, kind))) if kind else {}
    return tuple(found)


def _selectors(place: msgspec.Struct) -> Iterator[KeySelector]:
    for field in msgspec.structs.fields(place):
        value = getattr(place, field.name)
        if isinstance(value, KeySelector):
            if field.name.endswith("_secret") and value.name:
                yield value
            elif field.name.endswith("_config_map") and value.name:
                yield config_map(value)
        elif isinstance(value, msgspec.Struct):
            yield from _selectors(value)

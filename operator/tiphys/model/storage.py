"""Where an artifact is: which store, under which key, and what a key alone leaves to the workflow's repository. Pure.

Source: argo-semantics 20.1, 20.2.
"""

import re
from typing import Any

import msgspec

from tiphys.errors import SpecError
from tiphys.model.arguments import Artifact, ArtifactLocation
from tiphys.model.locations import ArtifactRepository, S3Artifact
from tiphys.model.places import KEY_FIELDS, bucket_of, kind_of

_URL = re.compile(r"([a-zA-Z][\w+.-]*://[^/?#]*)?([^?#]*)(.*)", re.DOTALL)
"""Scheme and host, path, query and fragment."""
STORES = tuple(KEY_FIELDS)
DEFAULT_KEY = "{{workflow.name}}/{{pod.name}}"
_LOCATION = {field.name: field.type for field in msgspec.structs.fields(ArtifactLocation)}
_KEYS = {"azure": "blob", "gcs": "key", "hdfs": "path", "oss": "key", "plugin": "key", "s3": "key"}
"""Store -> the field that holds the key; those whose key is the path of a URL are `artifactory` and `http`."""
_COMPLETE = {
    "artifactory": ("url",), "azure": ("endpoint", "container", "blob"), "gcs": ("bucket", "key"), "git": ("repo",),
    "hdfs": ("addresses",), "http": ("url",), "oss": ("endpoint", "bucket", "key"), "plugin": ("name", "key"), "raw": (),
    "s3": ("endpoint", "bucket", "key"),
}  # fmt: skip


def has_location(location: ArtifactLocation) -> bool:
    """Whether it can be found without a repository."""
    store = kind_of(location)
    return bool(store) and all(getattr(getattr(location, store), field) for field in _COMPLETE[store])


def key_of(location: ArtifactLocation) -> str:
    """Its key: name in its bucket, or path of its URL without the slash before it; empty when it has none."""
    store = kind_of(location)
    if store in _KEYS:
        return str(getattr(getattr(location, store), _KEYS[store]))
    if store in ("artifactory", "http"):
        return _url_parts(str(getattr(location, store).url))[1].removeprefix("/")
    return ""


def _url_parts(url: str) -> tuple[str, str, str]:
    host, path, rest = _URL.fullmatch(url).groups()  # type: ignore[union-attr]
    return host or "", path, rest


def has_location_or_key(location: ArtifactLocation) -> bool:
    """Whether it says where it is, at least together with a repository."""
    return has_location(location) or bool(key_of(location))


def with_key(location: ArtifactLocation, key: str) -> Any:
    """The same location under another key.

    Raises:
        SpecError: Its store has no keys (git, raw).
    """
    store = kind_of(location)
    inner: Any = getattr(location, store) if store else None
    if store in _KEYS:
        return msgspec.structs.replace(location, **{store: msgspec.structs.replace(inner, **{_KEYS[store]: key})})
    if store in ("artifactory", "http"):
        host, _, rest = _url_parts(inner.url)
        url = f"{host}/{key.removeprefix('/')}{rest}"
        return msgspec.structs.replace(location, **{store: msgspec.structs.replace(inner, url=url)})
    raise SpecError(f"key unsupported: cannot set key for artifact location, because it is {store or 'nowhere'}")


def joined(*parts: str) -> str:
    """Parts of a key with one slash between them."""
    first, *rest = [part for part in parts if part]
    return "/".join([first.rstrip("/"), *(part.strip("/") for part in rest)])


def key_pattern(repository: ArtifactRepository) -> str:
    """The repository's pattern of keys, with its tags."""
    for store, field in (("s3", "key_format"), ("gcs", "key_format"), ("oss", "key_format"), ("plugin", "key_format"),
                         ("artifactory", "key_format"), ("azure", "blob_name_format"), ("hdfs", "path_format")):  # fmt: skip
        own = getattr(repository, store)
        if own is None:
            continue
        if getattr(own, field):
            return str(getattr(own, field))
        return joined(own.key_prefix, DEFAULT_KEY) if store == "s3" else DEFAULT_KEY
    return DEFAULT_KEY


def repository_location(repository: ArtifactRepository | None, key: str) -> ArtifactLocation | None:
    """The place in a repository under a key; None when there is no repository."""
    for store in STORES:
        own = getattr(repository, store, None)
        if own is None:
            continue
        kind = next(part for part in _LOCATION[store].__args__ if part is not type(None))
        shared = set(kind.__struct_fields__) & set(own.__struct_fields__)
        made = kind(**{field: getattr(own, field) for field in shared})
        if store == "artifactory":
            made = msgspec.structs.replace(made, url=joined(own.repo_url, key))
            return ArtifactLocation(artifactory=made)
        return with_key(ArtifactLocation(**{store: made}), key)  # type: ignore[no-any-return]
    return None


def relocated(artifact: Artifact, base: ArtifactLocation | None) -> Artifact:
    """The artifact with its whole location: what it leaves out is taken from `base`, the workflow's repository.

    A key of another kind of store than the repository's is a key of the repository: so the same workflow runs beside any.

    Differs from Argo: what the artifact does say besides its key (a bucket of its own) is kept, not replaced.

    Raises:
        SpecError: There is no repository, or the artifact says nothing.
    """
    if has_location(artifact):
        return artifact
    store, base_store = kind_of(artifact), kind_of(base) if base is not None else ""
    if base is None or not base_store:
        raise SpecError(
            f"you need to configure artifact storage: artifact '{artifact.name}' names no "
            f"{'bucket' if store else 'location'}, and there is no artifact repository",
            hint="set artifactRepositoryRef, a ConfigMap artifact-repositories, or artifactRepository in the configuration",
        )
    own = getattr(artifact, store) if store else None
    if own is None or not key_of(artifact):
        raise SpecError(f"artifact '{artifact.name}' has no key")
    if store != base_store:
        moved = getattr(with_key(base, key_of(artifact)), base_store)
        return msgspec.structs.replace(artifact, **{store: None, base_store: moved})
    said = {field: value for field in own.__struct_fields__ if (value := getattr(own, field)) not in (None, "", ())}
    return msgspec.structs.replace(artifact, **{store: msgspec.structs.replace(getattr(base, base_store), **said)})


def keyed(artifact: Artifact, base: ArtifactLocation, key: str) -> Artifact:
    """The artifact under a key of `base`'s store as it is recorded: with the key alone, where a reader can add the rest."""
    store = kind_of(base)
    if store in ("artifactory", "http"):
        return msgspec.structs.replace(artifact, **{store: getattr(with_key(base, key), store)})
    empty = type(getattr(base, store))()
    return msgspec.structs.replace(artifact, **{store: msgspec.structs.replace(empty, **{_KEYS[store]: key})})


def at_key(own: Artifact, base: ArtifactLocation | None, key: str) -> Artifact:
    """An argument under another key: where its own location is, else in the workflow's repository."""
    if kind_of(own):
        located: Artifact = with_key(own, key)
        return located
    return keyed(own, base, key) if base is not None else Artifact(name=own.name, s3=S3Artifact(key=key))


def shown_location(location: ArtifactLocation) -> str:
    """The place in one word for people, without user, password and query: `s3://bucket/key`."""
    kind, key = kind_of(location), key_of(location)
    match kind:
        case "http" | "artifactory":
            host, path, _ = _url_parts(str(getattr(location, kind).url))
            scheme, _, name = host.rpartition("://")
            return f"{scheme}://{name.rpartition('@')[2]}{path}"
        case "git":
            return f"git:{getattr(location, kind).repo.rpartition('@')[2]}"
        case "raw" | "":
            return kind or "nowhere"
        case _:
            place = bucket_of(location)
            return f"{kind}://{place}/{key}" if place else f"{kind}:{key}"

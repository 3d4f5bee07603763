"""Which driver an artifact needs; only that one is imported."""

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from tiphys.artifacts.refusals import LoadOnly
from tiphys.artifacts.secrets import SecretReader
from tiphys.errors import SpecError
from tiphys.model.arguments import Artifact
from tiphys.model.locations import GitArtifact, RawArtifact, S3Artifact
from tiphys.model.places import kind_of
from tiphys.ports import ArtifactDriver


class RawDriver(LoadOnly):
    """Text that stands in the workflow itself."""

    kind = "raw"

    def __init__(self, place: RawArtifact) -> None:
        self._content = place.data.encode()

    def load(self, _key: str, target: Path) -> None:
        """The text as a file."""
        target.write_bytes(self._content)

    def stream(self, _key: str) -> Iterator[bytes]:
        """The text."""
        yield self._content


def _s3(place: S3Artifact, secrets: SecretReader) -> ArtifactDriver:
    from tiphys.artifacts.machine import ENDPOINT, open_folder
    from tiphys.artifacts.s3 import S3Driver

    return open_folder(place.bucket) if place.endpoint == ENDPOINT else S3Driver(place, secrets)


def _git(place: GitArtifact, secrets: SecretReader) -> ArtifactDriver:
    from tiphys.artifacts.guard import is_guarded

    if is_guarded():
        from tiphys.artifacts.git_tree import GitTree

        return GitTree(place, secrets)
    from tiphys.artifacts.git import GitDriver

    return GitDriver(place, secrets)


def _raw(place: RawArtifact, _secrets: SecretReader) -> ArtifactDriver:
    return RawDriver(place)


_OPENERS: dict[str, str | Callable[[Any, SecretReader], ArtifactDriver]] = {
    "s3": _s3,
    "oss": "tiphys.artifacts.s3:OSSDriver",
    "gcs": "tiphys.artifacts.clouds:open_gcs",
    "azure": "tiphys.artifacts.clouds:open_azure",
    "hdfs": "tiphys.artifacts.hdfs:HDFSDriver",
    "http": "tiphys.artifacts.http:HTTPDriver",
    "artifactory": "tiphys.artifacts.http:ArtifactoryDriver",
    "git": _git,
    "plugin": "tiphys.artifacts.plugin:PluginDriver",
    "raw": _raw,
}
"""Kind of place -> what opens its driver, or where that is: only what is needed is imported."""


def open_driver(artifact: Artifact, secrets: SecretReader) -> ArtifactDriver:
    """The driver of the artifact's store, opened with its credentials; nothing is asked of the store yet.

    Raises:
        SpecError: The artifact has no place, a field of it is wrong, a secret is missing, or the kind is not supported.
    """
    kind = kind_of(artifact)
    if not kind:
        raise SpecError("the artifact has no location")
    if kind not in _OPENERS:
        raise SpecError(f"{kind} artifacts are not supported", hint=f"supported are {', '.join(_OPENERS)}")
    opener = _OPENERS[kind]
    if isinstance(opener, str):
        module, _, name = opener.partition(":")
        opener = cast("Callable[[Any, SecretReader], ArtifactDriver]", getattr(import_module(module), name))
    return opener(getattr(artifact, kind), secrets)

"""Which driver an artifact needs; only that one is imported."""

from collections.abc import Callable, Iterator
from pathlib import Path

from tiphys.artifacts.refusals import LoadOnly
from tiphys.artifacts.secrets import SecretReader
from tiphys.errors import SpecError
from tiphys.model.arguments import Artifact
from tiphys.model.locations import RawArtifact
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


def _s3(artifact: Artifact, secrets: SecretReader) -> ArtifactDriver:
    from tiphys.artifacts.machine import ENDPOINT, open_folder
    from tiphys.artifacts.s3 import S3Driver

    assert artifact.s3 is not None  # noqa: S101 chosen by it
    if artifact.s3.endpoint == ENDPOINT:
        return open_folder(artifact.s3.bucket)
    return S3Driver(artifact.s3, secrets)


def _oss(artifact: Artifact, secrets: SecretReader) -> ArtifactDriver:
    from tiphys.artifacts.s3 import OSSDriver

    assert artifact.oss is not None  # noqa: S101
    return OSSDriver(artifact.oss, secrets)


def _gcs(artifact: Artifact, secrets: SecretReader) -> ArtifactDriver:
    from tiphys.artifacts.clouds import open_gcs

    assert artifact.gcs is not None  # noqa: S101
    return open_gcs(artifact.gcs, secrets)


def _azure(artifact: Artifact, secrets: SecretReader) -> ArtifactDriver:
    from tiphys.artifacts.clouds import open_azure

    assert artifact.azure is not None  # noqa: S101
    return open_azure(artifact.azure, secrets)


def _hdfs(artifact: Artifact, secrets: SecretReader) -> ArtifactDriver:
    from tiphys.artifacts.hdfs import HDFSDriver

    assert artifact.hdfs is not None  # noqa: S101
    return HDFSDriver(artifact.hdfs, secrets)


def _http(artifact: Artifact, secrets: SecretReader) -> ArtifactDriver:
    from tiphys.artifacts.http import HTTPDriver

    assert artifact.http is not None  # noqa: S101
    return HTTPDriver(artifact.http, secrets)


def _artifactory(artifact: Artifact, secrets: SecretReader) -> ArtifactDriver:
    from tiphys.artifacts.http import ArtifactoryDriver

    assert artifact.artifactory is not None  # noqa: S101
    return ArtifactoryDriver(artifact.artifactory, secrets)


def _git(artifact: Artifact, secrets: SecretReader) -> ArtifactDriver:
    from tiphys.artifacts.git import GitDriver

    assert artifact.git is not None  # noqa: S101
    return GitDriver(artifact.git, secrets)


def _raw(artifact: Artifact, _secrets: SecretReader) -> ArtifactDriver:
    assert artifact.raw is not None  # noqa: S101
    return RawDriver(artifact.raw)


_OPENERS: dict[str, Callable[[Artifact, SecretReader], ArtifactDriver]] = {
    "s3": _s3, "oss": _oss, "gcs": _gcs, "azure": _azure, "hdfs": _hdfs, "http": _http, "artifactory": _artifactory, "git": _git,
    "raw": _raw,
}  # fmt: skip


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
    return _OPENERS[kind](artifact, secrets)

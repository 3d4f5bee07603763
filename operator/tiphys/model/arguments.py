"""Parameters and artifacts, and the groups that they come in: arguments, inputs, outputs.

Source: Argo's API, version v1alpha1. Types that pods own (containers, volumes, affinity) stay as they were written.
"""

from tiphys.model.base import AnyString, KeySelector, Model
from tiphys.model.locations import (
    ArtifactoryArtifact,
    AzureArtifact,
    GCSArtifact,
    GitArtifact,
    HDFSArtifact,
    HTTPArtifact,
    OSSArtifact,
    PluginArtifact,
    RawArtifact,
    S3Artifact,
)


class Metadata(Model, frozen=True):
    """Labels and annotations to put on a pod."""

    annotations: dict[str, str] = {}
    labels: dict[str, str] = {}


class ArtifactGC(Model, frozen=True):
    """When an artifact is deleted, and by whom."""

    pod_metadata: Metadata | None = None
    service_account_name: str = ""
    strategy: str = ""


class NoneStrategy(Model, frozen=True):
    """Store the file as it is."""

    # no fields: its presence is its meaning


class TarStrategy(Model, frozen=True):
    """Store as a tar file, compressed by default."""

    compression_level: int | None = None


class ZipStrategy(Model, frozen=True):
    """Store as a zip file."""

    # no fields: its presence is its meaning


class ArchiveStrategy(Model, frozen=True):
    """How an artifact is packed."""

    none: NoneStrategy | None = None
    tar: TarStrategy | None = None
    zip: ZipStrategy | None = None


class ArtifactLocation(Model, frozen=True):
    """One of the places an artifact may live."""

    archive_logs: bool | None = None
    artifactory: ArtifactoryArtifact | None = None
    azure: AzureArtifact | None = None
    gcs: GCSArtifact | None = None
    git: GitArtifact | None = None
    hdfs: HDFSArtifact | None = None
    http: HTTPArtifact | None = None
    oss: OSSArtifact | None = None
    plugin: PluginArtifact | None = None
    raw: RawArtifact | None = None
    s3: S3Artifact | None = None


class Artifact(ArtifactLocation, frozen=True):
    """A file or folder that steps pass on, and where it is."""

    name: str = ""
    archive: ArchiveStrategy | None = None
    artifact_gc: ArtifactGC | None = None
    deleted: bool | None = None
    from_: str = ""
    from_expression: str = ""
    global_name: str = ""
    mode: int | None = None
    optional: bool | None = None
    path: str = ""
    recurse_mode: bool | None = None
    sub_path: str = ""


class ArtifactPaths(Artifact, frozen=True):
    """Artifacts below a prefix, for data templates."""

    # the same fields: what differs is that its key is a prefix


class SuppliedValueFrom(Model, frozen=True):
    """A value that somebody supplies to a suspended node."""

    # no fields: its presence is its meaning


class ValueFrom(Model, frozen=True):
    """Where a parameter's value is read from."""

    config_map_key_ref: KeySelector | None = None
    default: AnyString | None = None
    event: str = ""
    expression: str = ""
    jq_filter: str = ""
    json_path: str = ""
    parameter: str = ""
    path: str = ""
    supplied: SuppliedValueFrom | None = None


class Parameter(Model, frozen=True):
    """A named text; `value` is None when there is none."""

    name: str = ""
    default: AnyString | None = None
    description: str = ""
    enum: tuple[AnyString, ...] = ()
    global_name: str = ""
    value: AnyString | None = None
    value_from: ValueFrom | None = None


class Arguments(Model, frozen=True):
    """What a caller hands over."""

    artifacts: tuple[Artifact, ...] = ()
    parameters: tuple[Parameter, ...] = ()


class Inputs(Model, frozen=True):
    """What a template takes."""

    artifacts: tuple[Artifact, ...] = ()
    parameters: tuple[Parameter, ...] = ()


class Outputs(Model, frozen=True):
    """What a template gives back."""

    artifacts: tuple[Artifact, ...] = ()
    exit_code: str = ""
    parameters: tuple[Parameter, ...] = ()
    result: str | None = None

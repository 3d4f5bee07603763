"""Where an artifact lives: one struct a store, and the repositories that a workflow's artifacts default to.

Source: Argo's API, version v1alpha1. Types that pods own (containers, volumes, affinity) stay as they were written.
"""

from tiphys.model.base import KeySelector, Model


class ArtifactoryArtifact(Model, frozen=True):
    """A file in JFrog Artifactory."""

    password_secret: KeySelector | None = None
    url: str = ""
    username_secret: KeySelector | None = None


class ArtifactoryArtifactRepository(Model, frozen=True):
    """Artifactory as a default repository."""

    key_format: str = ""
    password_secret: KeySelector | None = None
    repo_url: str = ""
    username_secret: KeySelector | None = None


class AzureArtifact(Model, frozen=True):
    """A blob in Azure storage."""

    account_key_secret: KeySelector | None = None
    blob: str = ""
    container: str = ""
    endpoint: str = ""
    use_sdk_creds: bool | None = None


class AzureArtifactRepository(Model, frozen=True):
    """Azure storage as a default repository."""

    account_key_secret: KeySelector | None = None
    blob_name_format: str = ""
    container: str = ""
    endpoint: str = ""
    use_sdk_creds: bool | None = None


class BasicAuth(Model, frozen=True):
    """User name and password, from secrets."""

    password_secret: KeySelector | None = None
    username_secret: KeySelector | None = None


class ClientCertAuth(Model, frozen=True):
    """A TLS client certificate, from secrets."""

    client_cert_secret: KeySelector | None = None
    client_key_secret: KeySelector | None = None


class OAuth2EndpointParam(Model, frozen=True):
    """One extra parameter of a token request."""

    key: str = ""
    value: str = ""


class OAuth2Auth(Model, frozen=True):
    """Client credentials for a bearer token."""

    client_id_secret: KeySelector | None = None
    client_secret_secret: KeySelector | None = None
    endpoint_params: tuple[OAuth2EndpointParam, ...] = ()
    scopes: tuple[str, ...] = ()
    token_url_secret: KeySelector | None = None


class HTTPAuth(Model, frozen=True):
    """How an HTTP artifact signs in."""

    basic_auth: BasicAuth | None = None
    client_cert: ClientCertAuth | None = None
    oauth2: OAuth2Auth | None = None


class Header(Model, frozen=True):
    """One header of an HTTP artifact."""

    name: str = ""
    value: str = ""


class HTTPArtifact(Model, frozen=True):
    """A file behind a URL."""

    auth: HTTPAuth | None = None
    headers: tuple[Header, ...] = ()
    save_stream_via_file: bool | None = None
    url: str = ""


class GCSArtifact(Model, frozen=True):
    """An object in Google Cloud Storage."""

    bucket: str = ""
    key: str = ""
    service_account_key_secret: KeySelector | None = None


class GCSArtifactRepository(Model, frozen=True):
    """Google Cloud Storage as a default repository."""

    bucket: str = ""
    key_format: str = ""
    service_account_key_secret: KeySelector | None = None


class GitArtifact(Model, frozen=True):
    """A checkout of a git repository."""

    branch: str = ""
    depth: int | None = None
    disable_submodules: bool | None = None
    fetch: tuple[str, ...] = ()
    insecure_ignore_host_key: bool | None = None
    insecure_skip_tls: bool | None = None
    password_secret: KeySelector | None = None
    repo: str = ""
    revision: str = ""
    single_branch: bool | None = None
    ssh_private_key_secret: KeySelector | None = None
    username_secret: KeySelector | None = None


class HDFSArtifact(Model, frozen=True):
    """A path in HDFS."""

    addresses: tuple[str, ...] = ()
    data_transfer_protection: str = ""
    force: bool | None = None
    hdfs_user: str = ""
    krb_ccache_secret: KeySelector | None = None
    krb_config_config_map: KeySelector | None = None
    krb_keytab_secret: KeySelector | None = None
    krb_realm: str = ""
    krb_service_principal_name: str = ""
    krb_username: str = ""
    path: str = ""


class HDFSArtifactRepository(Model, frozen=True):
    """HDFS as a default repository."""

    addresses: tuple[str, ...] = ()
    data_transfer_protection: str = ""
    force: bool | None = None
    hdfs_user: str = ""
    krb_ccache_secret: KeySelector | None = None
    krb_config_config_map: KeySelector | None = None
    krb_keytab_secret: KeySelector | None = None
    krb_realm: str = ""
    krb_service_principal_name: str = ""
    krb_username: str = ""
    path_format: str = ""


class OSSLifecycleRule(Model, frozen=True):
    """When stored objects cool down or go."""

    mark_deletion_after_days: int | None = None
    mark_infrequent_access_after_days: int | None = None


class OSSArtifact(Model, frozen=True):
    """An object in Alibaba OSS."""

    access_key_secret: KeySelector | None = None
    bucket: str = ""
    create_bucket_if_not_present: bool | None = None
    endpoint: str = ""
    key: str = ""
    lifecycle_rule: OSSLifecycleRule | None = None
    secret_key_secret: KeySelector | None = None
    security_token: str = ""
    use_sdk_creds: bool | None = None


class OSSArtifactRepository(Model, frozen=True):
    """Alibaba OSS as a default repository."""

    access_key_secret: KeySelector | None = None
    bucket: str = ""
    create_bucket_if_not_present: bool | None = None
    endpoint: str = ""
    key_format: str = ""
    lifecycle_rule: OSSLifecycleRule | None = None
    secret_key_secret: KeySelector | None = None
    security_token: str = ""
    use_sdk_creds: bool | None = None


class PluginArtifact(Model, frozen=True):
    """An artifact that a plugin moves."""

    name: str = ""
    configuration: str = ""
    connection_timeout_seconds: int | None = None
    key: str = ""


class PluginArtifactRepository(Model, frozen=True):
    """A plugin as a default repository."""

    name: str = ""
    configuration: str = ""
    key_format: str = ""


class RawArtifact(Model, frozen=True):
    """Content written in the manifest."""

    data: str = ""


class CreateS3BucketOptions(Model, frozen=True):
    """Make the bucket if it is absent."""

    object_locking: bool | None = None


class S3EncryptionOptions(Model, frozen=True):
    """Server-side encryption of an object."""

    enable_encryption: bool | None = None
    kms_encryption_context: str = ""
    kms_key_id: str = ""
    server_side_customer_key_secret: KeySelector | None = None


class S3Artifact(Model, frozen=True):
    """An object in S3 or a compatible store."""

    access_key_secret: KeySelector | None = None
    addressing_style: str = ""
    bucket: str = ""
    ca_secret: KeySelector | None = None
    create_bucket_if_not_present: CreateS3BucketOptions | None = None
    encryption_options: S3EncryptionOptions | None = None
    endpoint: str = ""
    insecure: bool | None = None
    key: str = ""
    region: str = ""
    role_arn: str = ""
    secret_key_secret: KeySelector | None = None
    session_token_secret: KeySelector | None = None
    use_sdk_creds: bool | None = None


class S3ArtifactRepository(Model, frozen=True):
    """S3 as a default repository."""

    access_key_secret: KeySelector | None = None
    addressing_style: str = ""
    bucket: str = ""
    ca_secret: KeySelector | None = None
    create_bucket_if_not_present: CreateS3BucketOptions | None = None
    encryption_options: S3EncryptionOptions | None = None
    endpoint: str = ""
    insecure: bool | None = None
    key_format: str = ""
    key_prefix: str = ""
    region: str = ""
    role_arn: str = ""
    secret_key_secret: KeySelector | None = None
    session_token_secret: KeySelector | None = None
    use_sdk_creds: bool | None = None


class ArtifactRepository(Model, frozen=True):
    """The default place of artifacts without one."""

    archive_logs: bool | None = None
    artifactory: ArtifactoryArtifactRepository | None = None
    azure: AzureArtifactRepository | None = None
    gcs: GCSArtifactRepository | None = None
    hdfs: HDFSArtifactRepository | None = None
    oss: OSSArtifactRepository | None = None
    plugin: PluginArtifactRepository | None = None
    s3: S3ArtifactRepository | None = None


class ArtifactRepositoryRef(Model, frozen=True):
    """A repository by ConfigMap and key."""

    config_map: str = ""
    key: str = ""


class ArtifactRepositoryRefStatus(Model, frozen=True):
    """The repository that this run resolved once."""

    artifact_repository: ArtifactRepository | None = None
    config_map: str = ""
    default: bool | None = None
    key: str = ""
    namespace: str = ""

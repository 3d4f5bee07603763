"""S3 and stores that speak like it, Alibaba's OSS among them.

Source: argo-semantics 20.1; Argo's field documentation of `S3Artifact`.
"""

import os
import re
import ssl
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tiphys.artifacts import aws
from tiphys.artifacts.guard import look_at
from tiphys.artifacts.objects import RETRY, ObjectDriver, client_options, told
from tiphys.artifacts.secrets import SecretReader, text_of
from tiphys.artifacts.web import TIMEOUT_SECONDS, Client
from tiphys.errors import SpecError, TiphysError
from tiphys.model.base import KeySelector
from tiphys.model.locations import CreateS3BucketOptions, OSSArtifact, S3Artifact, S3EncryptionOptions

if TYPE_CHECKING:
    from obstore.store import ObjectStore, S3Store

    from tiphys.artifacts.kms import ContextUpload

_AWS_HOST = "amazonaws.com"
_DEFAULT_REGION = "us-east-1"
_KEPT_STORES = 16
_NAMED_REGION = re.compile(r"expecting '([a-z0-9-]{1,40})'")


class S3Driver(ObjectDriver):
    """Artifacts in one bucket of S3, which is made before the first save if it is to be."""

    def __init__(self, place: S3Artifact, secrets: SecretReader) -> None:
        if not place.bucket:
            raise SpecError("is required", path="s3.bucket")
        self._place = place
        self._is_prepared = False
        self._keys = aws.Keys(
            text_of(secrets, place.access_key_secret), text_of(secrets, place.secret_key_secret),
            text_of(secrets, place.session_token_secret),
        )  # fmt: skip
        self._region = place.region or _region_of(place.endpoint) or self._look_for_region()
        self._is_unsure = not place.region
        self._certificates = text_of(secrets, place.ca_secret)
        self._upload = self._upload_with_context()
        self._customer = customer_secret(place.encryption_options, secrets)
        self._of_objects: dict[str, S3Store] = {}
        super().__init__(self._open())

    def _heeds(self, refusal: TiphysError) -> bool:
        """Stores that have a region of their own name it when they are asked by another one; what the artifact says stays."""
        if not self._is_unsure:
            return False
        text = refusal.message
        if "400 Bad Request" in text:  # to a request whose answer has no room for the reason
            with suppress(TiphysError):
                next(self.list("tiphys"), None)
            return not self._is_unsure
        named = _NAMED_REGION.search(text) if "AuthorizationHeaderMalformed" in text else None
        if named is None or named[1] == self._region:
            return False
        self._is_unsure, self._region = False, named[1]
        self._store = self._open()
        self._of_objects.clear()
        return True

    def _at(self, key: str) -> "S3Store | ObjectStore":
        if not self._customer:
            return self._store
        from tiphys.artifacts.customer_key import object_key

        name = key.strip("/")
        found = self._of_objects.get(name)
        if found is None:
            if len(self._of_objects) >= _KEPT_STORES:
                self._of_objects.clear()
            found = self._of_objects[name] = self._open(object_key(self._customer, self._place.bucket, name))
        return found

    def _look_for_region(self) -> str:
        """The region that AWS says the bucket is in; it says so to everybody, whatever else the answer is."""
        asked = f"https://s3.{_AWS_HOST}/{self._place.bucket}"
        return os.environ.get("AWS_REGION") or aws.bucket_region(asked) or _DEFAULT_REGION

    @property
    def _is_aws(self) -> bool:
        return not self._place.endpoint or self._place.endpoint.split(":")[0].endswith(_AWS_HOST)

    def _base(self) -> str:
        """The service's address, without the bucket."""
        host = self._place.endpoint or f"s3.{self._region}.{_AWS_HOST}"
        if host == f"s3.{_AWS_HOST}":
            host = f"s3.{self._region}.{_AWS_HOST}"
        scheme = "http" if self._place.insecure else "https"
        return host.rstrip("/") if "://" in host else f"{scheme}://{host}".rstrip("/")

    def _endpoint(self, *, is_virtual: bool) -> str:
        scheme, _, host = self._base().partition("://")
        return f"{scheme}://{self._place.bucket}.{host}" if is_virtual else f"{scheme}://{host}"

    @property
    def _is_virtual(self) -> bool:
        """Whether the bucket is part of the host's name."""
        style = self._place.addressing_style
        if style not in ("", "auto", "path", "virtual-hosted"):
            raise SpecError(f"{style!r} is none of path, virtual-hosted, auto", path="s3.addressingStyle")
        return style == "virtual-hosted" or (style in ("", "auto") and self._is_aws and "." not in self._place.bucket)

    def _upload_with_context(self) -> "ContextUpload | None":
        """What saves instead of obstore where there is an encryption context."""
        options = self._place.encryption_options
        if options is None or not options.kms_encryption_context:
            return None
        from tiphys.artifacts.kms import ContextUpload, context_headers

        headers = context_headers(options)
        return ContextUpload(self._client(), self._bucket_url(), self._own_keys, region=self._region, headers=headers)

    def _bucket_url(self) -> str:
        is_virtual = self._is_virtual
        return self._endpoint(is_virtual=is_virtual) + ("" if is_virtual else f"/{self._place.bucket}")

    def _own_keys(self) -> aws.Keys:
        if self._keys.access:
            return self._keys
        if self._place.role_arn:
            taken = self._take_role()
            return aws.Keys(taken["access_key_id"], taken["secret_access_key"], taken["token"])
        found = aws.environment_keys_or_token()
        if isinstance(found, aws.WebIdentity):
            return aws.use_web_identity(self._client(), f"https://sts.{self._region}.{_AWS_HOST}/", found).keys
        return found

    def _open(self, customer_key: bytes = b"") -> "S3Store":
        from obstore.store import S3Store

        place, is_virtual = self._place, self._is_virtual
        settings: dict[str, Any] = {
            "region": self._region,
            "endpoint": self._endpoint(is_virtual=is_virtual),
            "virtual_hosted_style_request": is_virtual,
            **self._credentials(),
            **encryption(place.encryption_options, customer_key),
        }
        if not isinstance(self, OSSDriver):
            settings["checksum_algorithm"] = "SHA256"
        if self._certificates:
            trust(self._certificates)
        is_plain = self._base().startswith("http://")
        look_at(settings["endpoint"])
        with told():
            options = client_options(insecure=is_plain, only=self._only(settings["endpoint"]))
            return S3Store(place.bucket, client_options=options, retry_config=RETRY, **settings)  # type: ignore[arg-type]

    def _only(self, endpoint: str) -> str:
        """Where requests must stay, since redirects would take secrets along; AWS redirects to itself only.

        Not where the library signs in by itself: that is elsewhere.
        """
        has_secrets = self._customer or self._keys.token or self._place.role_arn
        if self._is_aws or not has_secrets or not (self._keys.access or self._place.role_arn):
            return ""
        parts = urlsplit(endpoint)
        return f"{parts.hostname}:{parts.port or (80 if parts.scheme == 'http' else 443)}"

    def _credentials(self) -> dict[str, Any]:
        """What the store signs with: the artifact's keys, else a role, else the environment's or the machine's identity.

        Source: Argo prefers static keys to a role, too.
        """
        keys = self._keys
        if bool(keys.access) != bool(keys.secret):
            raise SpecError("accessKeySecret and secretKeySecret belong together", path="s3")
        if keys.access:
            token = {"session_token": keys.token} if keys.token else {}
            return {"access_key_id": keys.access, "secret_access_key": keys.secret, **token}
        if self._place.role_arn:
            aws.environment_keys_or_token()  # told now if there is nothing to take the role with
            return {"credential_provider": self._take_role}
        return {}

    def _client(self, timeout_s: float = TIMEOUT_SECONDS) -> Client:
        return Client(ssl.create_default_context(cadata=self._certificates) if self._certificates else None, timeout_s)

    def _take_role(self) -> dict[str, Any]:
        known = f"https://sts.{self._region}.{_AWS_HOST}/" if self._is_aws else f"{self._base()}/"
        endpoint = os.environ.get("AWS_ENDPOINT_URL_STS") or known
        client = self._client()
        found = aws.environment_keys_or_token()
        if isinstance(found, aws.WebIdentity):
            found = aws.use_web_identity(client, endpoint, found).keys
        taken = aws.take_role(client, endpoint, found, role=self._place.role_arn, region=self._region)
        return {
            "access_key_id": taken.keys.access,
            "secret_access_key": taken.keys.secret,
            "token": taken.keys.token,
            "expires_at": datetime.fromisoformat(taken.until),
        }

    def prepare(self) -> None:
        """Make the bucket if the artifact asks for that."""
        wanted = self._place.create_bucket_if_not_present
        if wanted is None or self._is_prepared:
            return
        self._is_prepared = True
        if not self._keys.access:
            raise SpecError("needs accessKeySecret and secretKeySecret", path="s3.createBucketIfNotPresent")
        url = f"{self._base()}/{self._place.bucket}"
        aws.make_bucket(self._client(), url, self._keys, region=self._region, object_locking=bool(wanted.object_locking))

    def save(self, key: str, content: Any, size: int = -1) -> None:
        """As any object store, after the bucket was made."""
        self.prepare()
        if self._upload is not None:
            self._upload.save(key, content, size)
        else:
            super().save(key, content, size)


def _region_of(endpoint: str) -> str:
    """The region that an AWS endpoint names (`s3.eu-west-1.amazonaws.com`, `s3-eu-west-1...`); empty when it names none.

    Other stores have regions in name only: theirs is us-east-1.
    """
    host = endpoint.split(":", maxsplit=1)[0]
    if host and not host.endswith(f".{_AWS_HOST}"):
        return _DEFAULT_REGION
    named = host.removesuffix(f".{_AWS_HOST}").replace("s3-", "s3.").split(".")
    return named[-1] if len(named) > 1 and "-" in named[-1] else ""


def customer_secret(options: S3EncryptionOptions | None, secrets: SecretReader) -> bytes:
    """What the keys of objects are made of; empty where the customer has none.

    Raises:
        SpecError: The options do not go together, or the secret is empty.
    """
    if options is None or options.server_side_customer_key_secret is None:
        return b""
    if options.kms_key_id:
        raise SpecError("kmsKeyId and serverSideCustomerKeySecret do not go together", path="s3.encryptionOptions")
    secret = secrets(options.server_side_customer_key_secret)
    if not secret:
        raise SpecError("is empty", path="s3.encryptionOptions.serverSideCustomerKeySecret")
    return secret


def encryption(options: S3EncryptionOptions | None, customer_key: bytes = b"") -> dict[str, str]:
    """What obstore is told of encryption on the server's side; the customer's key is that of one object.

    Differs from Argo: a key that is named is used, also where `enableEncryption` is not set.
    """
    if customer_key:
        import base64

        return {"server_side_encryption": "sse-c", "sse_customer_key_base64": base64.b64encode(customer_key).decode()}
    if options is None or options.server_side_customer_key_secret is not None:
        return {}
    if options.kms_key_id:
        return {"server_side_encryption": "aws:kms", "sse_kms_key_id": options.kms_key_id}
    return {"server_side_encryption": "AES256"} if options.enable_encryption else {}


def trust(certificates: str) -> None:
    """Let this process trust further authorities besides the system's; obstore has no setting for one store."""
    import hashlib

    paths = ssl.get_default_verify_paths()
    system = Path(os.environ.get("SSL_CERT_FILE") or paths.cafile or paths.openssl_cafile)
    known = system.read_text() if system.exists() else ""
    if certificates in known:
        return
    name = hashlib.sha256((known + certificates).encode()).hexdigest()[:16]
    bundle = Path(gettempdir()) / f"tiphys-authorities-{os.getpid()}-{name}.pem"
    bundle.write_text(f"{known}\n{certificates}\n")
    os.environ["SSL_CERT_FILE"] = str(bundle)


class OSSDriver(S3Driver):
    """Artifacts in Alibaba's OSS, by its S3 interface."""

    def __init__(self, place: OSSArtifact, secrets: SecretReader) -> None:
        self._rule = place.lifecycle_rule
        if self._rule is not None:
            from tiphys.artifacts.lifecycle import days_of

            days_of(self._rule)
        self._uses_environment = bool(place.use_sdk_creds)
        if not place.endpoint:
            raise SpecError("is required", path="oss.endpoint")
        scheme, _, host = place.endpoint.rpartition("://")
        is_alibaba = host.endswith("aliyuncs.com")
        named = host.removeprefix("s3.").split(".")[0].removeprefix("oss-").removesuffix("-internal")
        wanted = S3Artifact(
            endpoint=f"s3.{host}" if is_alibaba and not host.startswith("s3.") else host,
            insecure=scheme == "http",
            bucket=place.bucket,
            key=place.key,
            region=named if is_alibaba else "",
            access_key_secret=None if place.use_sdk_creds else place.access_key_secret,
            secret_key_secret=None if place.use_sdk_creds else place.secret_key_secret,
            session_token_secret=KeySelector(name=_TOKEN) if place.security_token else None,
            addressing_style="virtual-hosted" if is_alibaba else "path",
            create_bucket_if_not_present=CreateS3BucketOptions() if place.create_bucket_if_not_present else None,
        )
        super().__init__(wanted, lambda one: place.security_token.encode() if one.name == _TOKEN else secrets(one))

    def _credentials(self) -> dict[str, Any]:
        if not self._uses_environment:
            return super()._credentials()
        from tiphys.artifacts.alibaba import credentials_of_environment

        client = self._client()
        credentials_of_environment(client)  # told now if there is nothing to sign in with
        return {"credential_provider": lambda: credentials_of_environment(client)}

    def _own_keys(self) -> aws.Keys:
        if not self._uses_environment:
            return super()._own_keys()
        from tiphys.artifacts.alibaba import credentials_of_environment

        found = credentials_of_environment(self._client())
        return aws.Keys(found["access_key_id"], found["secret_access_key"], found["token"] or "")

    def save(self, key: str, content: Any, size: int = -1) -> None:
        """As any object store; then the bucket has a rule for the artifact, if it is to have one."""
        super().save(key, content, size)
        if self._rule is None:
            return
        from tiphys.artifacts.lifecycle import ANSWER_S, BucketRules

        rule, self._rule = self._rule, None  # one for all files of a folder
        BucketRules(self._client(ANSWER_S), self._bucket_url(), self._own_keys, self._region).keep(self._place.key or key, rule)


#: The token of OSS is written in the artifact itself; no secret can be called so.
_TOKEN = "\0token"  # noqa: S105 a name

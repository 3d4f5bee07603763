"""The few requests to S3 and STS that obstore does not make: signed by hand, version 4. Making a bucket, and taking a role."""

import hashlib
import hmac
import http.client
import os
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from tiphys.artifacts.web import Client
from tiphys.errors import InvalidManifest, SpecError

_ALGORITHM = "AWS4-HMAC-SHA256"
_ASKED = {"Version": "2011-06-15", "RoleSessionName": "tiphys", "DurationSeconds": "3600"}
_FORM = {"content-type": "application/x-www-form-urlencoded"}


class Keys(NamedTuple):
    """Credentials."""

    access: str
    secret: str
    token: str = ""


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


class Scope(NamedTuple):
    """What a signature is good for: a region, a service (`s3` or `sts`), and a time as `20260102T030405Z`."""

    region: str
    service: str
    at: str


def signed(
    method: str, url: str, keys: Keys, scope: Scope, *, body: bytes = b"", headers: dict[str, str] | None = None
) -> dict[str, str]:
    """The headers of a signed request.

    Args:
        method: GET, PUT, ...
        url: Whole, its query in order.
        keys: Of who asks.
        scope: What for.
        body: What is sent.
        headers: Further ones, which are signed too.

    Source: AWS, "Create a signed AWS API request".
    """
    parts = urlsplit(url)
    digest = hashlib.sha256(body).hexdigest()
    own = {name.lower(): value for name, value in (headers or {}).items()}
    sent = {"host": parts.netloc, "x-amz-content-sha256": digest, "x-amz-date": scope.at, **own}
    if keys.token:
        sent["x-amz-security-token"] = keys.token
    names = sorted(sent)
    lines = [f"{name}:{sent[name].strip()}" for name in names]
    request = "\n".join((method, quote(parts.path or "/", safe="/~%"), parts.query, *lines, "", ";".join(names), digest))
    steps = (scope.at[:8], scope.region, scope.service, "aws4_request")
    where = "/".join(steps)
    text = "\n".join((_ALGORITHM, scope.at, where, hashlib.sha256(request.encode()).hexdigest()))
    key = f"AWS4{keys.secret}".encode()
    for part in steps:
        key = _hmac(key, part)
    signature = _hmac(key, text).hex()
    credential = f"Credential={keys.access}/{where}"
    return {**sent, "authorization": f"{_ALGORITHM} {credential}, SignedHeaders={';'.join(names)}, Signature={signature}"}


def now() -> str:
    """The time as signatures say it."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())


def make_bucket(client: Client, url: str, keys: Keys, *, region: str, object_locking: bool) -> None:
    """Make the bucket that `url` is of; one that is there is no error.

    Raises:
        Forbidden, InvalidManifest, Unavailable: It cannot be made.
    """
    body = b""
    if region not in ("", "us-east-1"):
        place = f"<LocationConstraint>{region}</LocationConstraint>"
        body = f'<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{place}</CreateBucketConfiguration>'.encode()
    extra = {"x-amz-bucket-object-lock-enabled": "true"} if object_locking else {}
    headers = signed("PUT", url, keys, Scope(region or "us-east-1", "s3", now()), body=body, headers=extra)
    try:
        client.read("PUT", url, headers, body)
    except InvalidManifest as e:
        if ": 409 " not in e.message:
            raise


class Taken(NamedTuple):
    """A role's credentials, and until when they hold (as STS writes it)."""

    keys: Keys
    until: str


class WebIdentity(NamedTuple):
    """What a service account of the cluster is known by: a role, and a token for it."""

    role: str
    token: str


def environment_keys_or_token() -> Keys | WebIdentity:
    """What the executor's own environment signs in with.

    Raises:
        SpecError: Nothing.
    """
    environment = os.environ
    if environment.get("AWS_ACCESS_KEY_ID") and environment.get("AWS_SECRET_ACCESS_KEY"):
        token = environment.get("AWS_SESSION_TOKEN", "")
        return Keys(environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"], token)
    if environment.get("AWS_WEB_IDENTITY_TOKEN_FILE") and environment.get("AWS_ROLE_ARN"):
        return WebIdentity(environment["AWS_ROLE_ARN"], Path(environment["AWS_WEB_IDENTITY_TOKEN_FILE"]).read_text())
    raise SpecError(
        "there is nothing to take the role with: neither keys nor a web identity in the environment", path="s3.roleARN",
        hint="annotate the service account with a role (IRSA)",
    )  # fmt: skip


def bucket_region(url: str) -> str:
    """The region that a bucket is in, as its `x-amz-bucket-region` says; empty when nobody answers."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.netloc, timeout=10)
    try:
        connection.request("HEAD", parts.path)
        return connection.getresponse().headers.get("x-amz-bucket-region", "")
    except (OSError, http.client.HTTPException):
        return ""
    finally:
        connection.close()


def use_web_identity(client: Client, endpoint: str, identity: WebIdentity) -> Taken:
    """Credentials for a web identity; the token is the proof, nothing is signed.

    Raises:
        Forbidden, InvalidManifest, Unavailable: STS says no.
    """
    asked = {"Action": "AssumeRoleWithWebIdentity", "RoleArn": identity.role, "WebIdentityToken": identity.token.strip()}
    body = urlencode({**_ASKED, **asked}).encode()
    return _taken(client.read("POST", endpoint, _FORM, body))


def take_role(client: Client, endpoint: str, keys: Keys, *, role: str, region: str) -> Taken:
    """Credentials of the role for an hour.

    Raises:
        Forbidden, InvalidManifest, Unavailable: STS says no.
    """
    if not role.startswith("arn:"):
        raise SpecError(f"{role!r} is no ARN", path="s3.roleARN")
    body = urlencode({**_ASKED, "Action": "AssumeRole", "RoleArn": role}).encode()
    headers = signed("POST", endpoint, keys, Scope(region, "sts", now()), body=body, headers=_FORM)
    return _taken(client.read("POST", endpoint, headers, body))


def _taken(answer: bytes) -> Taken:
    if b"<!" in answer:
        raise InvalidManifest("STS answers with a document type")
    try:
        found = {element.tag.rpartition("}")[2]: element.text or "" for element in ET.fromstring(answer).iter()}  # noqa: S314 no document types
        return Taken(Keys(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"]), found["Expiration"])
    except (KeyError, ET.ParseError) as e:
        raise InvalidManifest(f"STS answers without credentials: {e}") from e

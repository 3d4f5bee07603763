"""The few requests to S3 and STS that obstore does not make: signed by hand, version 4. Making a bucket, and taking a role."""

import hashlib
import hmac
import time
import xml.etree.ElementTree as ET
from typing import NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from tiphys.artifacts.web import Client
from tiphys.errors import InvalidManifest, SpecError

_ALGORITHM = "AWS4-HMAC-SHA256"


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


def _now() -> str:
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
    headers = signed("PUT", url, keys, Scope(region or "us-east-1", "s3", _now()), body=body, headers=extra)
    try:
        client.read("PUT", url, headers, body)
    except InvalidManifest as e:
        if ": 409 " not in e.message:
            raise


class Taken(NamedTuple):
    """A role's credentials, and until when they hold (as STS writes it)."""

    keys: Keys
    until: str


def take_role(client: Client, endpoint: str, keys: Keys, *, role: str, region: str) -> Taken:
    """Credentials of the role for an hour.

    Raises:
        Forbidden, InvalidManifest, Unavailable: STS says no.
    """
    if not role.startswith("arn:"):
        raise SpecError(f"{role!r} is no ARN", path="s3.roleARN")
    asked = {"Action": "AssumeRole", "Version": "2011-06-15", "RoleArn": role, "RoleSessionName": "tiphys"}
    asked["DurationSeconds"] = "3600"
    body = urlencode(asked).encode()
    extra = {"content-type": "application/x-www-form-urlencoded"}
    headers = signed("POST", endpoint, keys, Scope(region, "sts", _now()), body=body, headers=extra)
    answer = client.read("POST", endpoint, headers, body)
    if b"<!" in answer.replace(b"<?", b""):
        raise InvalidManifest("STS answers with a document type")
    found = {element.tag.rpartition("}")[2]: element.text or "" for element in ET.fromstring(answer).iter()}  # noqa: S314 no document types
    try:
        return Taken(Keys(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"]), found["Expiration"])
    except KeyError as e:
        raise InvalidManifest(f"STS answers without {e}") from e

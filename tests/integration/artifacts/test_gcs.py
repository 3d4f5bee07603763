"""Signing in at Google: a gate before MinIO's like interface reads each request's token as Google documents it, and checks it by the public key.

It stands for Google's own: what it does not show is that Google agrees.
"""

import base64
import json
import pathlib
import time
from collections.abc import Iterator

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from tests.servers.faults import Faulty, faulty
from tests.servers.minio import KEYS, Minio
from tests.servers.secrets import Secrets

from tiphys.artifacts.aws import Scope, now, signed
from tiphys.artifacts.clouds import open_gcs
from tiphys.artifacts.objects import PART, ObjectDriver
from tiphys.artifacts.web import Client
from tiphys.errors import Forbidden
from tiphys.model.locations import GCSArtifact

SCOPES = ("https://www.googleapis.com/auth/cloud-platform", "https://www.googleapis.com/auth/devstorage.full_control")
MAIL, KEY_ID = "robot@project.iam.gserviceaccount.com", "key-7"


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


class Gate(Faulty):
    """Google's door: a bearer's token, signed by the account's key, for this service and for now."""

    public: rsa.RSAPublicKey
    claims: list[dict[str, object]]

    def admits(self, request) -> bool:
        given = request.headers["Authorization"] or ""
        del request.headers["Authorization"]
        kind, _, token = given.partition(" ")
        if kind != "Bearer" or token.count(".") != 2:
            return False
        head, body, signature = token.split(".")
        try:
            self.public.verify(decoded(signature), f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        said, claims = json.loads(decoded(head)), json.loads(decoded(body))
        self.claims.append(claims)
        at = time.time()  # noqa: TID251 tokens hold by the wall's clock
        is_of_now = claims["iat"] - 60 <= at < claims["exp"] <= claims["iat"] + 3600
        is_for_storage = claims.get("scope") in SCOPES or claims.get("aud") == "https://storage.googleapis.com/"
        return (said["alg"], said["kid"], claims["iss"], claims["sub"]) == ("RS256", KEY_ID, MAIL, MAIL) and is_of_now and is_for_storage


@pytest.fixture(scope="module")
def pair() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def gate(store: Minio, pair: rsa.RSAPrivateKey) -> Iterator[Gate]:
    if not (store.folder / "data/everybodys").exists():
        store.make_bucket("everybodys")
        actions = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket", "s3:AbortMultipartUpload"]
        resources = ["arn:aws:s3:::everybodys", "arn:aws:s3:::everybodys/*"]
        statement = {"Effect": "Allow", "Principal": {"AWS": ["*"]}, "Action": actions, "Resource": resources}
        body, url = json.dumps({"Version": "2012-10-17", "Statement": [statement]}).encode(), f"http://{store.endpoint}/everybodys?policy="
        Client().read("PUT", url, signed("PUT", url, KEYS, Scope("us-east-1", "s3", now()), body=body), body)
    with faulty(store.host, store.port, Gate) as one:
        assert isinstance(one, Gate)
        one.public, one.claims = pair.public_key(), []
        yield one


def opened(gate: Gate, key: rsa.RSAPrivateKey, folder: pathlib.Path, **more: object) -> ObjectDriver:
    written = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    account = {"type": "service_account", "client_email": MAIL, "private_key_id": KEY_ID, "private_key": written,
               "gcs_base_url": f"http://{gate.endpoint}", **more}  # fmt: skip
    secrets = Secrets(folder / "secrets")
    return open_gcs(GCSArtifact(bucket="everybodys", service_account_key_secret=secrets("gcs", json.dumps(account))), secrets.read)


def test_the_key_of_a_service_account_signs_in(gate, pair, tmp_path):
    driver, content = opened(gate, pair, tmp_path), bytes(range(256)) * (PART // 256) + b"x"
    driver.save("signed/big", [content])
    driver.save("signed/small", [b"x"])
    assert b"".join(driver.stream("signed/big")) == content
    assert sorted(driver.list("signed")) == ["signed/big", "signed/small"]
    driver.delete("signed")
    assert list(driver.list("signed")) == []
    assert len({json.dumps(claims) for claims in gate.claims}) == 1, "one token for all"


@pytest.mark.parametrize("wrong", ["another key", "another account"])
def test_a_key_that_the_account_does_not_have_is_forbidden(gate, pair, tmp_path, wrong):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048) if wrong == "another key" else pair
    more = {"client_email": "other@project.iam.gserviceaccount.com"} if wrong == "another account" else {}
    with pytest.raises(Forbidden, match="AuthenticationRequired"):
        opened(gate, key, tmp_path, **more).save("signed/no", [b"x"])

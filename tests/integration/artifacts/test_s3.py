"""What s3 artifacts may say, against MinIO: trust, buckets, encryption, roles, and what is left of an upload that breaks."""

import base64
import hashlib
import os
import pathlib
import ssl
import subprocess
import sys
import xml.etree.ElementTree as ET
from urllib.parse import quote

import msgspec
import pytest
from tests.servers.doubles import Double, alibaba, sts
from tests.servers.minio import KEYS, Minio, minio
from tests.servers.secrets import Secrets

from tiphys.artifacts.aws import Keys, Scope, bucket_region, now, signed
from tiphys.artifacts.customer_key import object_key
from tiphys.artifacts.objects import PART
from tiphys.artifacts.s3 import OSSDriver, S3Driver, _region_of, customer_secret
from tiphys.artifacts.web import Client
from tiphys.errors import Forbidden, InvalidManifest, SpecError, Unavailable
from tiphys.model.locations import CreateS3BucketOptions, OSSArtifact, OSSLifecycleRule, S3Artifact, S3EncryptionOptions


@pytest.fixture
def secrets(tmp_path: pathlib.Path) -> Secrets:
    return Secrets(tmp_path / "secrets")


def place_in(store: Minio, secrets: Secrets, **more: object) -> S3Artifact:
    keys = {"access_key_secret": secrets("access", KEYS.access), "secret_key_secret": secrets("secret", KEYS.secret)}
    return msgspec.structs.replace(S3Artifact(endpoint=store.endpoint, insecure=not store.tls, bucket="bucket", **keys), **more)


def read(driver: S3Driver, key: str) -> bytes:
    return b"".join(driver.stream(key))


def about(store: Minio, path: str, more: dict[str, str] | None = None) -> dict[str, str]:
    """The headers of an object, asked for by hand."""
    context = ssl.create_default_context(cafile=store.folder / "ca.crt") if store.tls else None
    url = f"{'https' if store.tls else 'http'}://{store.endpoint}/{path}"
    with Client(context).open("HEAD", url, signed("HEAD", url, KEYS, Scope("us-east-1", "s3", now()), headers=more)) as answer:
        return {name.lower(): value for name, value in answer.headers.items()}


_WITH_AUTHORITY = """
import sys, pathlib, msgspec
from tiphys.artifacts.objects import RETRY
from tiphys.artifacts.s3 import S3Driver
from tiphys.artifacts.secrets import mounted
from tiphys.model.locations import S3Artifact
RETRY["max_retries"] = 2
driver = S3Driver(msgspec.json.decode(sys.argv[1], type=S3Artifact), mounted(pathlib.Path(sys.argv[2])))
driver.save("tls", [b"over tls"])
driver.save("tls-folder/sub/file", [b"below"])
driver.load("tls-folder", pathlib.Path(sys.argv[2], "loaded"))
assert pathlib.Path(sys.argv[2], "loaded/sub/file").read_bytes() == b"below" and driver.size("tls-folder/sub/file") == 5
print(b"".join(driver.stream("tls")).decode())
"""


def in_a_process(place: S3Artifact, secrets: Secrets) -> subprocess.CompletedProcess[str]:
    """Trust is a thing of the process, so each of these has its own."""
    command = [sys.executable, "-c", _WITH_AUTHORITY, msgspec.json.encode(place).decode(), str(secrets.folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=150)


def test_a_store_with_an_authority_of_its_own_is_trusted_when_the_artifact_names_it(secure_store, secrets):
    place = place_in(secure_store, secrets, ca_secret=secrets("ca", (secure_store.folder / "ca.crt").read_bytes()))
    done = in_a_process(place, secrets)
    assert done.stdout == "over tls\n", done.stderr


def test_a_store_that_nobody_vouches_for_is_refused_for_good(secure_store, secrets):
    done = in_a_process(place_in(secure_store, secrets), secrets)
    assert "InvalidManifest: the server's certificate is not trusted: UnknownIssuer" in done.stderr


def test_a_bucket_is_made_when_that_is_asked_for_and_only_once(store, secrets):
    with pytest.raises(InvalidManifest, match="NoSuchBucket"):
        S3Driver(place_in(store, secrets, bucket="new-bucket"), secrets.read).save("a", [b"x"])
    for _ in range(2):
        driver = S3Driver(place_in(store, secrets, bucket="new-bucket", create_bucket_if_not_present=CreateS3BucketOptions()), secrets.read)
        driver.save("a", [b"x"])
        assert read(driver, "a") == b"x"


def test_a_bucket_with_locks_is_made(store, secrets):
    wanted = CreateS3BucketOptions(object_locking=True)
    S3Driver(place_in(store, secrets, bucket="locked-bucket", create_bucket_if_not_present=wanted), secrets.read).save("a", [b"x"])
    url = f"http://{store.endpoint}/locked-bucket?object-lock="
    answer = Client().read("GET", url, signed("GET", url, KEYS, Scope("us-east-1", "s3", now())))
    assert b"<ObjectLockEnabled>Enabled<" in answer


def test_an_object_is_encrypted_by_the_server_as_the_artifact_says(store, secrets):
    for name, options, header, want in (
        ("sse", S3EncryptionOptions(enable_encryption=True), "x-amz-server-side-encryption", "AES256"),
        ("kms", S3EncryptionOptions(enable_encryption=True, kms_key_id="k1"), "x-amz-server-side-encryption", "aws:kms"),
    ):
        driver = S3Driver(place_in(store, secrets, encryption_options=options), secrets.read)
        driver.save(name, [b"content"])
        assert about(store, f"bucket/{name}")[header] == want
        assert read(driver, name) == b"content"


@pytest.mark.parametrize("parts", [1, 2 * (PART >> 20) + 3], ids=["one request", "parts"])
def test_an_encryption_context_goes_along_and_the_object_is_read_as_any_other(store, secrets, parts):
    options = S3EncryptionOptions(enable_encryption=True, kms_key_id="k1", kms_encryption_context='{"team": "a"}')
    driver = S3Driver(place_in(store, secrets, encryption_options=options), secrets.read)
    key, content = f"context/ä b+{parts}", os.urandom(1 << 20)
    driver.save(key, iter([content] * parts))
    headers = about(store, f"bucket/{quote(key)}")
    assert headers["x-amz-server-side-encryption"] == "aws:kms"
    assert base64.b64decode(headers["x-amz-server-side-encryption-context"]) == b'{"team":"a"}'
    assert read(driver, key) == content * parts


def test_an_upload_with_a_context_that_breaks_off_leaves_no_parts(store, secrets):
    options = S3EncryptionOptions(kms_key_id="k1", kms_encryption_context="{}")
    driver = S3Driver(place_in(store, secrets, encryption_options=options), secrets.read)

    def broken():
        for _ in range(3 * (PART >> 20)):
            yield bytes(1 << 20)
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        driver.save("context-broken", broken())
    url = f"http://{store.endpoint}/bucket?prefix=context-broken&uploads="
    assert b"<Upload>" not in Client().read("GET", url, signed("GET", url, KEYS, Scope("us-east-1", "s3", now())))


@pytest.mark.parametrize(("key", "context"), [("", "{}"), ("k1", "{"), ("k1", "[]"), ("k1", '{"a": 1}')])
def test_a_context_that_cannot_be_is_refused(store, secrets, key, context):
    options = S3EncryptionOptions(kms_key_id=key, kms_encryption_context=context)
    with pytest.raises(SpecError, match="kmsEncryptionContext"):
        S3Driver(place_in(store, secrets, encryption_options=options), secrets.read)


def test_a_customers_key_is_sent_and_without_it_nothing_is_read(secure_store, secrets):
    key = secrets("customer", b"a secret of any length")
    place = place_in(secure_store, secrets, ca_secret=secrets("ca", (secure_store.folder / "ca.crt").read_bytes()))
    with_key = msgspec.structs.replace(place, encryption_options=S3EncryptionOptions(server_side_customer_key_secret=key))
    done = in_a_process(with_key, secrets)
    assert done.stdout == "over tls\n", done.stderr
    with pytest.raises(InvalidManifest):
        about(secure_store, "bucket/tls")
    own = object_key(b"a secret of any length", "bucket", "tls")
    sent = {"algorithm": "AES256", "key": base64.b64encode(own).decode(), "key-MD5": base64.b64encode(hashlib.md5(own).digest()).decode()}  # noqa: S324 the protocol's own
    assert about(secure_store, "bucket/tls", {f"x-amz-server-side-encryption-customer-{name}": value for name, value in sent.items()})["content-length"] == "8"


def test_the_key_of_an_object_is_that_which_argos_client_makes():
    """Source: what `argon2.IDKey` of Go's own cryptography gives for the same secret, salt and settings."""
    assert object_key(b"secret", "bucket", "key-abc").hex() == "32fee9c9c2db1022416799206ef73948400762d0578fa61d27288e49f69b7d6c"
    with pytest.raises(SpecError, match="shorter than 8"):
        object_key(b"secret", "abc", "key")


@pytest.mark.parametrize(("kms", "secret", "message"), [("k", b"x" * 32, "do not go together"), ("", b"", "is empty")])
def test_encryption_that_cannot_be_given_is_refused(secrets, kms, secret, message):
    options = S3EncryptionOptions(kms_key_id=kms, server_side_customer_key_secret=secrets("c", secret))
    with pytest.raises(SpecError, match=message):
        customer_secret(options, secrets.read)


def test_an_upload_that_breaks_off_leaves_no_parts(store, secrets):
    driver = S3Driver(place_in(store, secrets), secrets.read)

    def broken():
        for _ in range(6 * (PART >> 20)):
            yield bytes(1 << 20)
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        driver.save("broken/off", broken())
    url = f"http://{store.endpoint}/bucket?prefix=broken%2Foff&uploads="
    answer = ET.fromstring(Client().read("GET", url, signed("GET", url, KEYS, Scope("us-east-1", "s3", now()))))  # noqa: S314
    assert [one for one in answer.iter() if one.tag.endswith("UploadId")] == []


def test_check_sums_go_along_with_each_object(store, secrets):
    S3Driver(place_in(store, secrets), secrets.read).save("summed", [b"x"])
    url = f"http://{store.endpoint}/bucket/summed"
    headers = signed("HEAD", url, KEYS, Scope("us-east-1", "s3", now()), headers={"x-amz-checksum-mode": "ENABLED"})
    with Client().open("HEAD", url, headers) as answer:
        assert answer.headers["x-amz-checksum-sha256"] == "LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE="


def role(double: Double) -> S3Artifact:
    return S3Artifact(endpoint=double.url.removeprefix("http://"), insecure=True, bucket="bucket", role_arn="arn:aws:iam::1:role/r")


def test_a_role_is_taken_with_the_environments_keys_and_its_token_is_sent(secrets, monkeypatch):
    """The double answers as STS documents it: MinIO gives roles to users only that its own admin protocol makes."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "own")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "own-canary")
    with sts() as double:
        assert read(S3Driver(role(double), secrets.read), "k") == b"content"
        (_, _, asked), (_, path, got) = double.requests
    assert "own/" in asked["Authorization"]
    assert path == "/bucket/k"
    assert "taken/" in got["authorization"]
    assert got["x-amz-security-token"] == "token"


def test_a_role_is_taken_with_a_web_identity(secrets, monkeypatch, tmp_path):
    (tmp_path / "token").write_text("proof\n")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/own")
    with sts() as double:
        assert read(S3Driver(role(double), secrets.read), "k") == b"content"
        (_, _, proved), (_, _, asked), (_, _, got) = double.requests
    assert "Authorization" not in proved
    assert "identified/" in asked["Authorization"]
    assert "taken/" in got["authorization"]


def test_a_role_that_nothing_is_there_to_take_with_is_refused(secrets):
    with sts() as double, pytest.raises(SpecError, match=r"s3\.roleARN: there is nothing to take the role with"):
        S3Driver(role(double), secrets.read)


def test_keys_of_the_artifact_go_before_a_role(store, secrets):
    driver = S3Driver(place_in(store, secrets, role_arn="arn:aws:iam::1:role/r"), secrets.read)
    driver.save("keys-first", [b"x"])
    assert read(driver, "keys-first") == b"x"


def test_a_bucket_says_where_it_is_and_no_answer_is_no_region():
    with sts() as double:
        assert bucket_region(f"{double.url}/bucket") == "eu-north-1"
    assert bucket_region("http://127.0.0.1:1/bucket") == ""


def test_a_session_token_is_sent(secrets):
    with sts() as double:
        place = S3Artifact(endpoint=double.url.removeprefix("http://"), insecure=True, bucket="bucket", session_token_secret=secrets("token", "session"),
                           access_key_secret=secrets("access", "own"), secret_key_secret=secrets("secret", "own-canary"))  # fmt: skip
        assert read(S3Driver(place, secrets.read), "k") == b"content"
        assert double.requests[-1][2]["x-amz-security-token"] == "session"


def test_the_environments_own_credentials_are_used_where_the_artifact_names_none(store, secrets, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEYS.access)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEYS.secret)
    place = S3Artifact(endpoint=store.endpoint, insecure=True, bucket="bucket", use_sdk_creds=True)
    driver = S3Driver(place, secrets.read)
    driver.save("sdk", [b"x"])
    assert read(driver, "sdk") == b"x"


def test_wrong_keys_are_forbidden_and_not_told(store, secrets):
    place = place_in(store, secrets, secret_key_secret=secrets("wrong", "wrong-canary"))
    with pytest.raises(Forbidden, match=r"^SignatureDoesNotMatch") as caught:
        read(S3Driver(place, secrets.read), "a")
    assert "canary" not in caught.value.message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bucket": ""}, r"s3\.bucket: is required"),
        ({"addressing_style": "sideways"}, r"s3\.addressingStyle"),
        ({"secret_key_secret": None}, "belong together"),
    ],
)
def test_what_cannot_be_is_refused_with_its_path(store, secrets, change, message):
    with pytest.raises(SpecError, match=message):
        S3Driver(place_in(store, secrets, **change), secrets.read)


@pytest.mark.parametrize(
    ("place", "want"),
    [
        (S3Artifact(bucket="b", region="us-east-1"), "https://b.s3.us-east-1.amazonaws.com"),
        (S3Artifact(bucket="b.c", region="us-east-1"), "https://s3.us-east-1.amazonaws.com"),
        (S3Artifact(bucket="b", endpoint="s3.amazonaws.com", region="eu-west-1"), "https://b.s3.eu-west-1.amazonaws.com"),
        (S3Artifact(bucket="b", endpoint="s3.eu-west-1.amazonaws.com"), "https://b.s3.eu-west-1.amazonaws.com"),
        (S3Artifact(bucket="b", endpoint="s3.amazonaws.com", region="us-east-1", addressing_style="path"), "https://s3.us-east-1.amazonaws.com"),
        (S3Artifact(bucket="b", endpoint="minio:9000", insecure=True), "http://minio:9000"),
        (S3Artifact(bucket="b", endpoint="minio:9000", addressing_style="virtual-hosted"), "https://b.minio:9000"),
    ],
)
def test_the_address_follows_endpoint_region_and_style(secrets, place, want):
    driver = S3Driver(place, secrets.read)
    assert driver._store.config["endpoint"] == want
    assert driver._store.config["virtual_hosted_style_request"] == str("b." in want).lower()


def test_the_region_of_an_endpoint():
    assert [_region_of(one) for one in ("s3.eu-central-1.amazonaws.com", "s3-us-west-2.amazonaws.com", "s3.amazonaws.com", "minio:9000")] == [
        "eu-central-1", "us-west-2", "", "us-east-1"]  # fmt: skip


def test_oss_is_reached_by_its_s3_address_and_what_that_cannot_do_is_refused(secrets):
    keys = {"access_key_secret": secrets("a", "a"), "secret_key_secret": secrets("s", "s")}
    driver = OSSDriver(OSSArtifact(endpoint="https://oss-cn-hangzhou-internal.aliyuncs.com", bucket="b", **keys), secrets.read)
    assert driver._store.config["endpoint"] == "https://b.s3.oss-cn-hangzhou-internal.aliyuncs.com"
    assert driver._store.config["region"] == "cn-hangzhou"
    for change, field in (({"lifecycle_rule": OSSLifecycleRule(mark_deletion_after_days=-1)}, "lifecycleRule"), ({"use_sdk_creds": True}, "useSDKCreds"), ({"endpoint": ""}, "endpoint")):
        with pytest.raises(SpecError, match=field):
            OSSDriver(msgspec.structs.replace(OSSArtifact(endpoint="e", bucket="b", **keys), **change), secrets.read)


def test_oss_signs_in_with_keys_of_the_environment(store, secrets, monkeypatch):
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", KEYS.access)
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", KEYS.secret)
    wrong = {"access_key_secret": secrets("wrong-a", "a"), "secret_key_secret": secrets("wrong-s", "s")}
    driver = OSSDriver(OSSArtifact(endpoint=f"http://{store.endpoint}", bucket="bucket", use_sdk_creds=True, **wrong), secrets.read)
    driver.save("by-environment", [b"content"])
    assert read(driver, "by-environment") == b"content"


def test_oss_takes_the_role_of_the_service_account(secrets, monkeypatch, tmp_path):
    (tmp_path / "token").write_text("proof\n")
    with alibaba() as double:
        for name, value in (("ROLE_ARN", "acs:ram::1:role/r"), ("OIDC_PROVIDER_ARN", "p"), ("OIDC_TOKEN_FILE", str(tmp_path / "token")), ("STS_ENDPOINT", double.url)):
            monkeypatch.setenv(f"ALIBABA_CLOUD_{name}", value)
        driver = OSSDriver(OSSArtifact(endpoint=double.url, bucket="b", use_sdk_creds=True), secrets.read)
        assert read(driver, "k") == b"content"
        _, _, got = double.requests[-1]
        assert "STS.identified/" in got["authorization"]
        assert got["x-amz-security-token"] == "token"
        monkeypatch.setenv("ALIBABA_CLOUD_ROLE_ARN", "another")
        with pytest.raises(InvalidManifest, match="400"):
            OSSDriver(OSSArtifact(endpoint=double.url, bucket="b", use_sdk_creds=True), secrets.read)


def test_the_signature_is_that_of_the_documentation():
    """Source: AWS, "Signature calculations", the example that lists a bucket."""
    keys = Keys("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    made = signed("GET", "https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J", keys, Scope("us-east-1", "s3", "20130524T000000Z"))
    assert made["authorization"].endswith("Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")


def test_an_object_that_changes_while_it_is_read_is_no_mixture(store, secrets):
    driver = S3Driver(place_in(store, secrets), secrets.read)
    old = [bytes([65 + i]) * PART for i in range(8)]
    driver.save("changing", iter(old))
    parts = driver.stream("changing")
    assert next(parts, None) is not None
    driver.save("changing", iter([b"x" * PART for _ in range(8)]))
    with pytest.raises(Unavailable, match="changed while it was read"):
        list(parts)


@pytest.mark.parametrize("ask", [
    lambda one, _: one.save("small", [b"x"]), lambda one, _: one.save("big", iter([bytes(PART), b"x"])), lambda one, _: list(one.list("there")),
    lambda one, _: read(one, "there/x"), lambda one, folder: one.load("there", folder / "x"), lambda one, _: one.size("there/x"),
    lambda one, _: one.is_directory("there"), lambda one, _: one.delete("gone"),
], ids=["save", "save parts", "list", "stream", "load", "size", "is directory", "delete"])  # fmt: skip
def test_a_store_with_a_region_of_its_own_is_asked_as_it_says(far_store, secrets, tmp_path, ask):
    ask(S3Driver(place_in(far_store, secrets), secrets.read), tmp_path)


def test_a_region_that_the_artifact_names_is_not_another_one(far_store, secrets):
    wrong = S3Driver(place_in(far_store, secrets, region="eu-west-2"), secrets.read)
    with pytest.raises(InvalidManifest, match=r"^AuthorizationHeaderMalformed: .* expecting 'eu-west-1'"):
        wrong.save("a", [b"x"])


@pytest.fixture(scope="module")
def far_store(tmp_path_factory):
    with minio(tmp_path_factory.mktemp("far"), region="eu-west-1") as one:
        one.make_bucket("bucket")
        own = Secrets(tmp_path_factory.mktemp("far-secrets"))
        S3Driver(place_in(one, own, region="eu-west-1"), own.read).save("there/x", [b"x"])
        yield one


def put_by_hand(store: Minio, path: str, content: bytes = b"", **headers: str) -> None:
    url = f"http://{store.endpoint}/{path}"
    Client().read("PUT", url, signed("PUT", url, KEYS, Scope("us-east-1", "s3", now()), body=content, headers=headers), content)


def test_the_marks_of_folders_that_a_console_makes_are_no_files(store, secrets, tmp_path):
    for mark in ("marks/", "marks/sub/", "marks/void/"):
        put_by_hand(store, f"bucket/{mark}")
    driver = S3Driver(place_in(store, secrets), secrets.read)
    driver.save("marks/empty", [b""])
    driver.save("marks/sub/file", [b"x"])
    driver.load("marks", tmp_path / "marks")
    found = {str(one.relative_to(tmp_path / "marks")): one.read_bytes() for one in (tmp_path / "marks").rglob("*") if one.is_file()}
    assert found == {"empty": b"", "sub/file": b"x"}
    assert set(driver.list("marks")) >= {"marks/empty", "marks/sub/file"}
    assert "marks/sub" not in driver.list("marks")


def test_a_bucket_that_keeps_what_was_is_saved_to_read_and_emptied(store, secrets, tmp_path):
    """Every object is locked for a day, which a store takes with a check sum only; what is deleted is hidden."""
    place = place_in(store, secrets, bucket="kept-bucket", create_bucket_if_not_present=CreateS3BucketOptions(object_locking=True))
    driver = S3Driver(place, secrets.read)
    driver.save("a", [b"old"])
    rule = b"<Rule><DefaultRetention><Mode>COMPLIANCE</Mode><Days>1</Days></DefaultRetention></Rule>"
    body = b"<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>" + rule + b"</ObjectLockConfiguration>"
    put_by_hand(store, "kept-bucket?object-lock=", body, **{"content-md5": base64.b64encode(hashlib.md5(body).digest()).decode()})  # noqa: S324 the protocol's own
    content = os.urandom(PART + 5)
    driver.save("a", [b"new"])
    driver.save("f/big", [content])
    assert (read(driver, "a"), read(driver, "f/big")) == (b"new", content)
    driver.delete("a")
    driver.delete("f")
    assert list(driver.list("")) == []
    assert driver.is_directory("f") is False


@pytest.mark.parametrize("key", ["a//b", "a/../b", "a/./b", "a\nb", "a\udcff"])
def test_a_key_that_the_library_cannot_ask_for_is_refused_with_its_reason(store, secrets, key):
    with pytest.raises(SpecError, match=r"Could not parse path: .*(empty path segment|illegal character)|it is no UTF-8"):
        S3Driver(place_in(store, secrets), secrets.read).save(key, [b"x"])

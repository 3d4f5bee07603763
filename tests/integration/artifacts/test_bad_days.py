"""S3 when networks and stores fail in the middle of things: a proxy before MinIO does to some requests what happens on bad days."""

import os
import pathlib
from collections.abc import Iterator

import pytest
from tests.servers.faults import Fault, Faulty, faulty, said
from tests.servers.minio import KEYS, Minio
from tests.servers.secrets import Secrets

from tiphys.artifacts.objects import PART
from tiphys.artifacts.s3 import S3Driver
from tiphys.errors import Forbidden, InvalidManifest, TiphysError, Unavailable
from tiphys.executor.attempts import attempt
from tiphys.model.locations import S3Artifact, S3EncryptionOptions

CONTENT = os.urandom(PART + 12_345)


@pytest.fixture
def proxy(store: Minio) -> Iterator[Faulty]:
    with faulty(store.host, store.port) as one:
        yield one


@pytest.fixture
def driver(proxy: Faulty, tmp_path: pathlib.Path) -> S3Driver:
    secrets = Secrets(tmp_path / "secrets")
    keys = {"access_key_secret": secrets("access", KEYS.access), "secret_key_secret": secrets("secret", KEYS.secret)}
    return S3Driver(S3Artifact(endpoint=proxy.endpoint, region="us-east-1", insecure=True, bucket="bucket", **keys), secrets.read)


def part(number: int = 2) -> str:
    return f"partNumber={number}"


def id_of(fault: Fault) -> str:
    what = f"{fault.status} {fault.body.partition('<Code>')[2].partition('<')[0]} at {fault.at}" if fault.status else f"reset in {fault.at}"
    return f"{fault.method} {fault.part} {what}"


@pytest.mark.parametrize("fault", [
    Fault("PUT", part()), Fault("PUT", part(), at="answer"), Fault("PUT", part(), 500, said("InternalError"), times=2),
    Fault("PUT", part(), 503, said("SlowDown")), Fault("POST", "uploads", 503, said("SlowDown")), Fault("POST", "uploadId="),
    Fault("POST", "uploadId=", 200, said("InternalError")), Fault("PUT", part(), 429, "slow"),
], ids=id_of)  # fmt: skip
def test_an_upload_rides_out_what_passes(proxy, driver, fault):
    key = f"days/{proxy.server_address[1]}"
    proxy.faults.append(fault)
    driver.save(key, [CONTENT])
    assert len(proxy.met) == fault.times
    assert b"".join(driver.stream(key)) == CONTENT


@pytest.mark.parametrize("fault", [
    Fault("POST", "uploads", at="answer"), Fault("POST", "uploadId=", at="answer"), Fault("PUT", part(), 400, said("RequestTimeout")),
    Fault("POST", "uploadId=", 500, said("InternalError"), at="answer"), Fault("PUT", part(), 400, said("BadDigest")), Fault("PUT", part(), 409, said("OperationAborted")),
], ids=id_of)  # fmt: skip
def test_what_an_upload_cannot_ride_out_is_tried_again_as_a_whole(proxy, driver, fault):
    key = f"days/{proxy.server_address[1]}"
    proxy.faults.append(fault)
    with pytest.raises(Unavailable):
        driver.save(key, [CONTENT])
    proxy.faults.append(fault)
    attempt(lambda: driver.save(key, [CONTENT]), what="it")
    assert len(proxy.met) == 2
    assert b"".join(driver.stream(key)) == CONTENT


@pytest.mark.parametrize("fault", [
    Fault("GET", "days/kept", times=2), Fault("GET", "days/kept", at="answer", times=2), Fault("GET", "days/kept", 503, said("SlowDown"), times=2),
], ids=id_of)  # fmt: skip
def test_a_download_rides_out_what_passes(proxy, driver, tmp_path, fault):
    driver.save("days/kept", [CONTENT])
    proxy.faults.append(fault)
    driver.load("days/kept", tmp_path / "kept")
    assert len(proxy.met) == 2
    assert (tmp_path / "kept").read_bytes() == CONTENT


@pytest.mark.parametrize(("status", "code", "error"), [
    (400, "ExpiredToken", Forbidden), (403, "RequestTimeTooSkewed", Forbidden), (403, "InvalidObjectState", Forbidden), (405, "MethodNotAllowed", InvalidManifest),
    (400, "IllegalLocationConstraintException", InvalidManifest), (301, "PermanentRedirect", InvalidManifest),
])  # fmt: skip
@pytest.mark.parametrize("method", ["PUT", "GET"])
def test_what_does_not_pass_is_told_at_once_by_the_stores_own_word(proxy, driver, method, status, code, error):
    driver.save("days/told", [b"x"])
    proxy.faults.append(Fault(method, "days/told", status, said(code, "it&#39;s so"), times=9))
    work = (lambda: driver.save("days/told", [b"x"])) if method == "PUT" else (lambda: list(driver.stream("days/told")))
    with pytest.raises(error, match=f"^{code}: (it's so|the bucket is in another region)"):
        attempt(work, what="it")
    assert len(proxy.met) == 1


def test_nothing_is_seen_of_an_upload_whose_last_request_is_lost(proxy, driver):
    proxy.faults.append(Fault("POST", "uploadId=", 403, said("AccessDenied")))
    with pytest.raises(Forbidden, match="AccessDenied"):
        driver.save("days/lost", [CONTENT])
    with pytest.raises(TiphysError, match="NoSuchKey"):
        list(driver.stream("days/lost"))


@pytest.mark.parametrize("what", ["token", "customer's key"])
def test_secrets_do_not_go_along_with_a_redirect(store, tmp_path, what):
    """The store sends on to another, which would be told the token of the session, or the key that the object is encrypted with."""
    secrets = Secrets(tmp_path / "secrets")
    more = {"session_token_secret": secrets("token", b"token-canary")}
    if what != "token":
        more = {"encryption_options": S3EncryptionOptions(server_side_customer_key_secret=secrets("customer", b"secret"))}
    keys = {"access_key_secret": secrets("access", KEYS.access), "secret_key_secret": secrets("secret", KEYS.secret)}
    with faulty(store.host, store.port) as owner, faulty(store.host, store.port) as other:
        place = S3Artifact(endpoint=owner.endpoint, region="us-east-1", insecure=True, bucket="bucket", **keys, **more)
        for method in ("GET", "HEAD"):
            owner.faults.append(Fault(method, "days/sent-on", 307, "", headers=(("Location", f"http://{other.endpoint}/bucket/days/sent-on"),)))
        driver = S3Driver(place, secrets.read)
        with pytest.raises(Forbidden, match=f"AccessDenied: the store sends on to {other.endpoint}, which is not the artifact's"):
            list(driver.stream("days/sent-on"))
        with pytest.raises(Forbidden):
            driver.size("days/sent-on")
        assert len(owner.met) == 2
        assert other.requests == []

"""`oss.lifecycleRule` against MinIO: what a bucket's rules are before and after an artifact was saved."""

import xml.etree.ElementTree as ET
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from hashlib import md5
from threading import Event

import pytest
from tests.servers.minio import KEYS, Minio
from tests.servers.secrets import Secrets

from tiphys.artifacts.aws import Scope, now, signed
from tiphys.artifacts.lifecycle import BucketRules, days_of, merge
from tiphys.artifacts.s3 import OSSDriver
from tiphys.artifacts.web import Client
from tiphys.errors import Forbidden, NotFound, SpecError, Unavailable
from tiphys.model.locations import OSSArtifact, OSSLifecycleRule

THEIRS = "<Rule><ID>theirs</ID><Status>Enabled</Status><Filter><Prefix>logs/</Prefix></Filter><Expiration><Days>90</Days></Expiration></Rule>"
OVER = "<Rule><ID>tiphys-20200101-30-0123456789ab</ID><Status>Enabled</Status><Filter><Prefix>old</Prefix></Filter><Expiration><Days>30</Days></Expiration></Rule>"


def ask(store: Minio, bucket: str, body: bytes = b"") -> bytes:
    url, method = f"http://{store.endpoint}/{bucket}/?lifecycle=", "PUT" if body else "GET"
    headers = {"content-md5": b64encode(md5(body).digest()).decode()} if body else {}  # noqa: S324 the protocol's own
    return Client().read(method, url, signed(method, url, KEYS, Scope("us-east-1", "s3", now()), body=body, headers=headers), body or None)


def rules(store: Minio, bucket: str) -> dict[str, tuple[str, str]]:
    """Prefix and days of each rule by its name."""
    found = {}
    for rule in ET.fromstring(ask(store, bucket)):  # noqa: S314 our own server
        values = {one.tag.rpartition("}")[2]: one.text for one in rule.iter()}
        found[values["ID"]] = (values["Prefix"], values["Days"])
    return found


@pytest.fixture
def bucket(store: Minio, request: pytest.FixtureRequest) -> str:
    name = f"rules-{abs(hash(request.node.name))}"
    store.make_bucket(name)
    return name


def driver(store: Minio, bucket: str, secrets: Secrets, key: str, days: int = 7) -> OSSDriver:
    keys = {"access_key_secret": secrets("access", KEYS.access), "secret_key_secret": secrets("secret", KEYS.secret)}
    rule = OSSLifecycleRule(mark_deletion_after_days=days)
    return OSSDriver(OSSArtifact(endpoint=f"http://{store.endpoint}", bucket=bucket, key=key, lifecycle_rule=rule, **keys), secrets.read)


@pytest.fixture
def secrets(tmp_path) -> Secrets:
    return Secrets(tmp_path / "secrets")


@pytest.fixture
def at_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else writes rules: there is nothing to wait for."""
    monkeypatch.setattr("tiphys.artifacts.lifecycle.SETTLED_S", 0.0)


def test_an_artifact_is_saved_and_has_a_rule_beside_those_of_others(store, bucket, secrets, at_rest):
    ask(store, bucket, f"<LifecycleConfiguration>{THEIRS}{OVER}</LifecycleConfiguration>".encode())
    driver(store, bucket, secrets, "wf/out").save("wf/out", [b"content"])
    found = rules(store, bucket)
    assert found.pop("theirs") == ("logs/", "90")
    assert list(found.values()) == [("wf/out", "7")], "ours that is over has gone"
    assert b"".join(driver(store, bucket, secrets, "wf/out").stream("wf/out")) == b"content"


def test_saving_again_replaces_the_rule_and_a_folder_has_one(store, bucket, secrets, at_rest):
    driver(store, bucket, secrets, "wf/out").save("wf/out", [b"old"])
    again = driver(store, bucket, secrets, "wf/out", 14)
    for name in ("a", "b"):
        again.save(f"wf/out/{name}", [b"new"])
    assert list(rules(store, bucket).values()) == [("wf/out", "14")]


def test_rules_that_are_written_at_once_are_all_there(store, bucket, secrets):
    """Each may overwrite what another has written after its own reading; who was overwritten sees it, and writes again."""
    keys = "abcd"
    drivers = [driver(store, bucket, secrets, key) for key in keys]
    with ThreadPoolExecutor(len(keys)) as pool:
        list(pool.map(lambda one, key: one.save(key, [b"content"]), drivers, keys))
    assert sorted(rules(store, bucket).values()) == [(key, "7") for key in keys]


def test_a_rule_that_a_slower_writer_overwrote_is_written_again(store, bucket, secrets, at_rest, monkeypatch):
    """The slower one has read before the other wrote, and writes afterwards what it knew."""
    has_read, other_wrote, overwritten, write = Event(), Event(), Event(), BucketRules._write

    def written(self: BucketRules, found: ET.Element) -> None:
        if b">slower<" in ET.tostring(found) and not has_read.is_set():
            has_read.set()
            assert other_wrote.wait(20)
            write(self, found)
            overwritten.set()
            return
        write(self, found)
        other_wrote.set()
        assert overwritten.wait(20)

    monkeypatch.setattr(BucketRules, "_write", written)
    with ThreadPoolExecutor(2) as pool:
        slower = pool.submit(driver(store, bucket, secrets, "slower").save, "slower", [b"content"])
        assert has_read.wait(20)
        driver(store, bucket, secrets, "other").save("other", [b"content"])
        slower.result(20)
    assert sorted(rules(store, bucket).values()) == [("other", "7"), ("slower", "7")]


def test_what_was_read_too_long_ago_is_not_written(store, bucket, secrets, monkeypatch):
    monkeypatch.setattr("tiphys.artifacts.lifecycle._FRESH_S", -1.0)
    with pytest.raises(Unavailable, match="by others all the time, or its answers take too long"):
        driver(store, bucket, secrets, "late").save("late", [b"content"])
    with pytest.raises(NotFound, match="NoSuchLifecycleConfiguration"):
        rules(store, bucket)


def test_a_store_that_refuses_the_rule_is_told(store, secrets):
    keys = {"access_key_secret": secrets("access", KEYS.access), "secret_key_secret": secrets("wrong", "wrong")}
    refused = OSSArtifact(endpoint=f"http://{store.endpoint}", bucket="bucket", key="k", lifecycle_rule=OSSLifecycleRule(mark_deletion_after_days=1), **keys)
    with pytest.raises(Forbidden):
        OSSDriver(refused, secrets.read).save("k", [b"content"])


def test_objects_cool_down_before_they_go():
    made = merge(ET.Element("LifecycleConfiguration"), "k", (10, 30), "20260102")
    want = ("<LifecycleConfiguration><Rule><ID>tiphys-20260102-30-8254c329a928</ID><Prefix>k</Prefix><Status>Enabled</Status>"
            "<Transition><Days>10</Days><StorageClass>STANDARD_IA</StorageClass></Transition>"
            "<Expiration><Days>30</Days></Expiration></Rule></LifecycleConfiguration>")  # fmt: skip
    assert ET.tostring(made).decode() == want


@pytest.mark.parametrize("rule", [
    OSSLifecycleRule(mark_deletion_after_days=5, mark_infrequent_access_after_days=5), OSSLifecycleRule(mark_infrequent_access_after_days=-1),
])  # fmt: skip
def test_days_that_do_not_go_together_are_refused(rule):
    with pytest.raises(SpecError, match=r"oss\.lifecycleRule"):
        days_of(rule)

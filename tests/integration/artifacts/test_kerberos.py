"""HDFS with Kerberos: MIT's key server, and Apache's module that asks for tickets before a double of WebHDFS."""

import os
import pathlib
from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

import msgspec
import pytest
from tests.servers import doubles
from tests.servers.kerberos import REALM, USER, Realm, realm, ticketed
from tests.servers.secrets import Secrets

from tiphys.artifacts.guard import guarded
from tiphys.artifacts.hdfs import HDFSDriver
from tiphys.errors import Forbidden, SpecError
from tiphys.model.base import KeySelector
from tiphys.model.locations import HDFSArtifact
from tiphys.model.places import CONFIG_MAP


class Place(NamedTuple):
    realm: Realm
    names: doubles.Double
    url: str


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with ExitStack() as stack:
        one, names = stack.enter_context(realm()), stack.enter_context(doubles.hdfs())
        yield Place(one, names, stack.enter_context(ticketed(one, names.url)))


@pytest.fixture
def secrets(tmp_path: pathlib.Path, place: Place) -> Secrets:
    made = Secrets(tmp_path / "secrets")
    made(f"{CONFIG_MAP}krb5", place.realm.config)
    return made


CONFIG = KeySelector(name="krb5", key="value")


def by_keytab(place: Place, secrets: Secrets, **changes: object) -> HDFSArtifact:
    one = HDFSArtifact(addresses=(place.url,), force=True, krb_keytab_secret=secrets("keytab", place.realm.keytab), krb_config_config_map=CONFIG,
                       krb_username=USER, krb_realm=REALM, krb_service_principal_name="nn/_HOST")  # fmt: skip
    return msgspec.structs.replace(one, **changes)


def by_cache(place: Place, secrets: Secrets) -> HDFSArtifact:
    cache = secrets("cache", place.realm.cache())
    return HDFSArtifact(addresses=(place.url,), force=True, krb_ccache_secret=cache, krb_config_config_map=CONFIG, krb_service_principal_name="HTTP/_HOST")


@pytest.mark.parametrize("way", [by_keytab, by_cache])
def test_who_has_a_ticket_saves_reads_lists_and_deletes(place, secrets, way):
    driver = HDFSDriver(way(place, secrets), secrets.read)
    driver.save("/ours/a", [b"con", b"tent"])
    assert b"".join(driver.stream("/ours/a")) == b"content"
    assert list(driver.list("/ours")) == ["/ours/a"]
    driver.delete("/ours/a")
    assert not driver.is_directory("/ours")


def test_the_ticket_goes_to_the_name_node_alone(place, secrets):
    driver = HDFSDriver(by_keytab(place, secrets), secrets.read)
    driver.save("/a", [b"content"])
    asked = [(path, headers) for _, path, headers in place.names.requests[-3:] if path.startswith("/data/")]
    assert [path for path, _ in asked] == ["/data/a.tiphys-part?delegation=mine"]
    assert "Authorization" not in asked[0][1]


def test_who_is_nobody_in_the_realm_is_told_so(place, secrets):
    driver = HDFSDriver(by_keytab(place, secrets, krb_username="nobody"), secrets.read)
    with pytest.raises(Forbidden, match=f"Kerberos gives nobody@{REALM} no ticket for HTTP@localhost"):
        driver.save("/a", [b"content"])


def test_a_service_that_the_realm_does_not_know_is_told(place, secrets):
    driver = HDFSDriver(by_keytab(place, secrets, krb_service_principal_name="HTTP/elsewhere"), secrets.read)
    with pytest.raises(Forbidden, match=f"HTTP/elsewhere@{REALM} not found"):
        driver.save("/a", [b"content"])


def test_the_settings_of_one_artifact_stay_its_own(place, secrets, monkeypatch):
    monkeypatch.setenv("KRB5_CONFIG", "/of-somebody-else")
    HDFSDriver(by_keytab(place, secrets), secrets.read).is_directory("/")
    assert os.environ["KRB5_CONFIG"] == "/of-somebody-else"


@pytest.mark.parametrize(("changes", "field"), [
    ({"krb_username": ""}, "krbUsername"), ({"krb_realm": ""}, "krbRealm"), ({"krb_config_config_map": None}, "krbConfigConfigMap"),
    ({"krb_keytab_secret": None}, "krbKeytabSecret"), ({"data_transfer_protection": "privacy"}, "dataTransferProtection"),
])  # fmt: skip
def test_what_is_missing_of_kerberos_is_told(place, secrets, changes, field):
    with pytest.raises(SpecError, match=f"hdfs.{field}"):
        HDFSDriver(by_keytab(place, secrets, **changes), secrets.read)


def test_a_server_opens_nothing_by_kerberos(place, secrets):
    with guarded(), pytest.raises(Forbidden, match="not served"):
        HDFSDriver(by_keytab(place, secrets), secrets.read)

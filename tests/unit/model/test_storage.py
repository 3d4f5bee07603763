"""Where artifacts are: stores, keys, and what a repository adds."""

import pytest

from tiphys.errors import SpecError
from tiphys.model.arguments import Artifact
from tiphys.model.locations import ArtifactRepository
from tiphys.model.parse import parse_as, to_json
from tiphys.model.places import kind_of
from tiphys.model.storage import has_location, joined, key_of, keyed, relocated, repository_location, with_key

COMPLETE = [
    {"s3": {"endpoint": "e", "bucket": "b", "key": "k/x"}}, {"gcs": {"bucket": "b", "key": "k/x"}},
    {"oss": {"endpoint": "e", "bucket": "b", "key": "k/x"}}, {"azure": {"endpoint": "e", "container": "c", "blob": "k/x"}},
    {"hdfs": {"addresses": ["a"], "path": "k/x"}}, {"http": {"url": "https://h/k/x"}},
    {"artifactory": {"url": "https://h/k/x"}}, {"plugin": {"name": "p", "key": "k/x"}},
]  # fmt: skip
REPOSITORIES = [
    {"s3": {"endpoint": "e", "bucket": "b"}}, {"gcs": {"bucket": "b"}}, {"oss": {"endpoint": "e", "bucket": "b"}},
    {"azure": {"endpoint": "e", "container": "c"}}, {"hdfs": {"addresses": ["a"]}}, {"plugin": {"name": "p"}},
    {"artifactory": {"repoURL": "https://h/repo"}},
]  # fmt: skip


def artifact(location: dict[str, object]) -> Artifact:
    return parse_as(Artifact, {"name": "x", **location})


@pytest.mark.parametrize("location", COMPLETE, ids=lambda location: next(iter(location)))
def test_a_key_is_read_and_replaced_in_every_store(location):
    one = artifact(location)
    assert kind_of(one) == next(iter(location))
    assert has_location(one)
    assert key_of(one) == "k/x"
    assert key_of(with_key(one, "other/y")) == "other/y"
    assert has_location(with_key(one, "other/y"))


@pytest.mark.parametrize("location", [{"git": {"repo": "r"}}, {"raw": {"data": "d"}}], ids=["git", "raw"])
def test_what_is_only_read_has_no_key(location):
    assert has_location(artifact(location))
    assert key_of(artifact(location)) == ""
    with pytest.raises(SpecError, match="key unsupported"):
        with_key(artifact(location), "k")


@pytest.mark.parametrize("repository", REPOSITORIES, ids=lambda repository: next(iter(repository)))
def test_what_is_recorded_by_key_is_found_again_through_the_repository(repository):
    known = parse_as(ArtifactRepository, repository)
    base = repository_location(known, "w/p/out.tgz")
    assert base is not None
    found = relocated(keyed(Artifact(name="x"), base, key_of(base)), repository_location(known, ""))
    assert has_location(found)
    assert key_of(found).endswith("w/p/out.tgz")


def test_credentials_of_the_repository_come_along_and_an_own_bucket_is_kept():
    known = parse_as(ArtifactRepository, {"s3": {"endpoint": "e", "bucket": "b", "accessKeySecret": {"name": "s", "key": "k"}}})
    found = relocated(artifact({"s3": {"key": "x", "bucket": "own"}}), repository_location(known, ""))
    assert to_json(found)["s3"] == {"endpoint": "e", "bucket": "own", "key": "x", "accessKeySecret": {"name": "s", "key": "k"}}


def test_parts_of_a_key_are_joined_by_one_slash():
    assert joined("a/", "/b/", "", "c") == "a/b/c"


@pytest.mark.parametrize("repository", REPOSITORIES, ids=lambda repository: next(iter(repository)))
@pytest.mark.parametrize("location", [{"oss": {"key": "k/x", "bucket": "own"}}, {"azure": {"blob": "k/x"}}], ids=["oss", "azure"])
def test_a_key_of_any_store_is_one_of_the_repository(location, repository):
    base = repository_location(parse_as(ArtifactRepository, repository), "base")
    found = relocated(artifact(location), base)
    assert kind_of(found) == next(iter(repository))
    assert key_of(found) == "k/x"
    assert has_location(found)

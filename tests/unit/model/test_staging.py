"""The staging plan travels as JSON and keeps what it says."""

import msgspec
import pytest

from tiphys.errors import SpecError
from tiphys.model.arguments import Artifact
from tiphys.model.base import KeySelector
from tiphys.model.locations import BasicAuth, GitArtifact, HTTPArtifact, HTTPAuth, RawArtifact, S3Artifact
from tiphys.model.places import bucket_of, key_of, kind_of, secrets_of, with_key
from tiphys.model.staging import Load, LogSave, Save, StagingPlan, StagingRecord, parse_plan, parse_staging_record

STORED = Artifact(name="a", s3=S3Artifact(bucket="b", key="k", access_key_secret=KeySelector(name="n", key="x")))


def test_a_plan_is_the_same_after_its_way_as_json():
    plan = StagingPlan(
        loads=(Load(artifact=STORED, path="/argo/inputs/artifacts/a"),),
        saves=(Save(artifact=STORED, container="main"),),
        logs=(LogSave(artifact=STORED, container="main"),),
    )
    assert parse_plan(msgspec.json.encode(plan)) == plan


def test_a_plan_that_is_none_names_what_is_wrong():
    with pytest.raises(SpecError, match=r"saves\[0\]"):
        parse_plan('{"saves":[{"artifact":{}}]}')


def test_a_record_is_told_from_other_messages():
    record = StagingRecord(saved=2, missing=("m",), errors=("first", "second"))
    assert parse_staging_record(msgspec.json.encode(record).decode()) == record
    assert record.message == "first"
    assert parse_staging_record("out of memory") is None
    assert parse_staging_record('{"saved":"x"') is None


def test_the_place_of_an_artifact_is_known_by_kind_key_and_bucket():
    assert (kind_of(STORED), key_of(STORED), bucket_of(STORED)) == ("s3", "k", "b")
    assert key_of(with_key(STORED, "other")) == "other"
    assert (kind_of(Artifact()), key_of(Artifact()), bucket_of(Artifact())) == ("", "", "")
    raw = Artifact(raw=RawArtifact(data="x"))
    assert with_key(raw, "other") == raw


def test_each_secret_is_named_once_however_deep_it_is():
    user, password = KeySelector(name="s", key="user"), KeySelector(name="s", key="password")
    auth = HTTPAuth(basic_auth=BasicAuth(username_secret=user, password_secret=password))
    assert set(secrets_of(Artifact(http=HTTPArtifact(url="http://h", auth=auth)))) == {user, password}
    assert secrets_of(Artifact(git=GitArtifact(repo="r", username_secret=user, password_secret=user))) == (user,)
    assert secrets_of(Artifact()) == ()

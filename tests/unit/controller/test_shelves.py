import msgspec
import pytest

from tiphys.controller.shelves import Shelves, parse_stored
from tiphys.errors import SpecError
from tiphys.model.parse import parse_as
from tiphys.model.spec import WorkflowSpec


def stored(name, namespace="ns", **spec):
    return parse_stored(msgspec.json.encode({"metadata": {"name": name, "namespace": namespace}, "spec": spec}))


@pytest.fixture
def heard():
    return []


@pytest.fixture
def shelves(heard):
    return Shelves(heard.append)


def test_a_namespace_sees_its_own_templates_and_the_clusters(shelves, heard):
    shelves.heard("", stored("mine", entrypoint="a"))
    shelves.heard("", stored("theirs", "other", entrypoint="b"))
    shelves.heard("", stored("all", "", entrypoint="c"))
    library = shelves.library("ns")
    assert sorted(library.specs) == ["cluster/all", "namespaced/mine"]
    assert library.spec("cluster/all").entrypoint == "c"
    assert heard == ["ns", "other", ""]


def test_a_snapshot_does_not_change(shelves):
    shelves.heard("", stored("one", entrypoint="a"))
    before = shelves.library("ns")
    shelves.heard("", stored("one", entrypoint="b"))
    shelves.gone("", stored("one"))
    assert before.spec("namespaced/one").entrypoint == "a"
    with pytest.raises(SpecError, match="workflow template one not found"):
        shelves.library("ns").spec("namespaced/one")


def test_a_template_that_cannot_be_read_is_told_where_it_is_wanted_and_mended_later(shelves):
    shelves.heard("", parse_stored(b'{"metadata": {"name": "bad", "namespace": "ns"}, "spec": {"parallelism": "many"}}'))
    with pytest.raises(SpecError, match=r"workflow template bad cannot be read: spec.parallelism: Expected"):
        shelves.library("ns").spec("namespaced/bad")
    shelves.heard("", stored("bad", entrypoint="a"))
    assert shelves.library("ns").spec("namespaced/bad").entrypoint == "a"


def test_a_missing_right_is_told_for_the_whole_kind(shelves):
    shelves.set_fault("cluster/", "forbidden")
    with pytest.raises(SpecError, match="cluster workflow template x cannot be read: forbidden"):
        shelves.library("ns").spec("cluster/x")
    shelves.set_fault("cluster/", "")
    with pytest.raises(SpecError, match="not found"):
        shelves.library("ns").spec("cluster/x")


def test_what_no_watch_has_told_of_is_missing_through_references_of_references(shelves):
    shelves.heard("", stored("known", templates=[
        {"name": "t", "steps": [[{"name": "s", "templateRef": {"name": "unknown", "template": "x"}}]]}]))  # fmt: skip
    shelves.heard("", parse_stored(b'{"metadata": {"name": "bad", "namespace": "ns"}, "spec": 1}'))
    spec = parse_as(WorkflowSpec, {
        "workflowTemplateRef": {"name": "known"}, "hooks": {"exit": {"templateRef": {"name": "hooked", "template": "h", "clusterScope": True}}},
        "templates": [{"name": "d", "dag": {"tasks": [{"name": "t", "templateRef": {"name": "{{x}}", "template": "x"}},
                                                      {"name": "u", "templateRef": {"name": "bad", "template": "x"}}]}}]})  # fmt: skip
    assert shelves.missing(spec, "ns") == {"namespaced/unknown", "cluster/hooked"}


def test_an_object_without_metadata_is_no_stored_object():
    with pytest.raises(msgspec.DecodeError):
        parse_stored(b"[]")

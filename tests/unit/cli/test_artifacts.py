"""Artifacts as the command line finds them: where they are, which log is whose, where a copy goes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tiphys.cli.copy import _is_wanted, _print, _target
from tiphys.cli.tree import Look, heading, render
from tiphys.errors import SpecError
from tiphys.model.arguments import Artifact, ArtifactLocation
from tiphys.model.parse import parse_as, parse_workflow, to_json
from tiphys.model.storage import at_key
from tiphys.model.stored import archived_log, stored_artifacts
from tiphys.server.stores import stored_lines
from tiphys.testing.world import START

DOCUMENT = {
    "metadata": {"name": "w", "namespace": "n"},
    "status": {
        "artifactRepositoryRef": {"artifactRepository": {"s3": {"endpoint": "e", "bucket": "b"}}},
        "outputs": {"artifacts": [{"name": "g", "s3": {"key": "k/g.tgz"}}], "parameters": [{"name": "p", "value": "v"}]},
        "nodes": {
            "w": {"id": "w", "name": "w", "type": "Pod", "templateName": "a", "phase": "Succeeded", "outputs": {"artifacts": [
                {"name": "out", "s3": {"key": "k/out.tgz"}}, {"name": "gone", "s3": {"key": "x"}, "deleted": True},
                {"name": "main-logs", "s3": {"key": "k/main.log"}},
                {"name": "site", "http": {"url": "https://u:p@h:8/a/b?token=t"}}]}},
            "w-1": {"id": "w-1", "name": "w.b", "type": "Steps", "outputs": {"artifacts": [{"name": "o", "s3": {"key": "z"}}]}},
        },
    },
}  # fmt: skip
WORKFLOW = parse_workflow(DOCUMENT)


def test_outputs_of_pods_are_found_with_their_whole_location():
    found = list(stored_artifacts(WORKFLOW))
    assert [one.artifact.name for one in found] == ["out", "main-logs", "site"]
    assert to_json(found[0].artifact)["s3"] == {"endpoint": "e", "bucket": "b", "key": "k/out.tgz"}


def test_a_log_belongs_to_a_pod_and_a_container():
    log = archived_log(WORKFLOW, "w", "main")
    assert log is not None
    assert log.artifact.s3 is not None
    assert log.artifact.s3.key == "k/main.log"
    assert archived_log(WORKFLOW, "w", "side") is None
    assert archived_log(WORKFLOW, "other", "main") is None


def test_a_list_names_places_and_no_credentials(capsys):
    _print(list(stored_artifacts(WORKFLOW)))
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [["w", "out", "s3://b/k/out.tgz"], ["w", "main-logs", "s3://b/k/main.log"], ["w", "site", "https://h:8/a/b"]]


@pytest.mark.parametrize(
    ("wanted", "names"),
    [({}, 3), ({"artifact": "out"}, 1), ({"template": "a"}, 3), ({"template": "b"}, 0), ({"node": "w", "artifact": "site"}, 1)],
)
def test_artifacts_are_chosen_by_node_template_and_name(wanted, names):
    assert sum(_is_wanted(one, wanted) for one in stored_artifacts(WORKFLOW)) == names


def test_a_copy_is_called_as_the_object_and_lies_below_the_directory():
    one = next(stored_artifacts(WORKFLOW))
    default = "{namespace}/{workflowName}/{nodeId}/outputs/{artifactName}"
    assert _target(WORKFLOW, one, Path("d"), default) == Path("d/n/w/w/outputs/out/out.tgz")
    assert _target(WORKFLOW, one, Path("d"), "/{templateName}") == Path("d/a/out.tgz")
    with pytest.raises(SpecError, match="outside"):
        _target(WORKFLOW, one, Path("d"), "../x")


def test_the_picture_shows_global_outputs_and_a_wide_one_the_names_of_artifacts():
    lines = [" ".join(line.split()) for line in heading(WORKFLOW, START)]
    assert lines[-4:] == ["Output Parameters:", "p: v", "Output Artifacts:", "g: s3://b/k/g.tgz"]
    assert "out,gone,main-logs,site" in render(WORKFLOW, START, Look(is_wide=True)).plain
    assert "main-logs" not in render(WORKFLOW, START).plain


class Parts:
    def stream(self, _key: str) -> Iterator[bytes]:
        yield from (b"one\ntw", b"", b"o\n", b"end")


async def test_lines_of_a_stored_log_are_those_that_were_written():
    assert [line async for line in stored_lines(Parts(), "k")] == [b"one\n", b"two\n", b"end"]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("own", "base", "want"),
    [({"gcs": {"bucket": "g", "key": "old"}}, None, {"gcs": {"bucket": "g", "key": "new"}}),
     ({}, {"oss": {"bucket": "o"}}, {"oss": {"key": "new"}}), ({}, None, {"s3": {"key": "new"}})],
    ids=["its own store", "the repository's store", "without a repository"],
)  # fmt: skip
def test_a_key_given_at_submit_replaces_the_one_that_is_written(own, base, want):
    made = at_key(parse_as(Artifact, {"name": "x", **own}), parse_as(ArtifactLocation, base) if base else None, "new")
    assert to_json(made) == {"name": "x", **want}

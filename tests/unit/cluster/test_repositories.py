"""Which repository a workflow has: in which order ConfigMaps are asked, and what becomes of what is wrong with them."""

import asyncio
import json
from typing import Any, cast

import pytest

from tiphys.cluster.repositories import ConfigMapRepositories
from tiphys.errors import Forbidden, NotFound, SpecError, TiphysError, Unavailable
from tiphys.model.locations import ArtifactRepository, ArtifactRepositoryRef
from tiphys.model.parse import parse_as, to_json

ANNOTATION = {"workflows.argoproj.io/default-artifact-repository": "main"}
DEFAULT = parse_as(ArtifactRepository, {"s3": {"bucket": "controllers-own"}})


class Maps:
    """ConfigMaps by namespace and name; counts what is asked."""

    def __init__(self, **maps: dict[str, Any] | Exception) -> None:
        self.maps = maps
        self.asked: list[str] = []

    async def read(self, _kind: str, namespace: str, name: str) -> bytes:
        self.asked.append(f"{namespace}/{name}")
        await asyncio.sleep(0)
        found = self.maps.get(f"{namespace}/{name}", NotFound("no such object"))
        if isinstance(found, Exception):
            raise found
        return json.dumps({"metadata": {"name": name, **found.get("metadata", {})}, "data": found.get("data", {})}).encode()


def maps(entries: dict[str, Any]) -> Maps:
    return Maps(**entries)


def config_map(annotated: bool = True, **data: str) -> dict[str, Any]:
    return {"metadata": {"annotations": ANNOTATION if annotated else {}}, "data": data}


async def find(source: Maps, ref: dict[str, str] | None = None, default: ArtifactRepository | None = DEFAULT) -> dict[str, Any]:
    repositories = ConfigMapRepositories(cast("Any", source), "argo", lambda: default)
    wanted = parse_as(ArtifactRepositoryRef, ref) if ref is not None else None
    return to_json(await repositories.find("team", wanted))


async def test_without_a_reference_the_namespaces_own_default_counts():
    found = await find(maps({"team/artifact-repositories": config_map(main="s3: {bucket: b}")}))
    assert found == {"configMap": "artifact-repositories", "key": "main", "namespace": "team",
                     "artifactRepository": {"s3": {"bucket": "b"}}}  # fmt: skip


@pytest.mark.parametrize(
    "entries",
    [{}, {"team/artifact-repositories": config_map(annotated=False, main="s3: {bucket: b}")},
     {"team/artifact-repositories": config_map(other="s3: {bucket: b}")}, {"argo/artifact-repositories": config_map(main="s3: {}")},
     {"team/artifact-repositories": Forbidden("no right")}],
    ids=["no map", "no annotation", "no such key", "only the controller's namespace has one", "not allowed to look"],
)  # fmt: skip
async def test_without_a_reference_and_a_default_there_the_controllers_own_counts(entries):
    assert await find(maps(entries)) == {"default": True, "artifactRepository": {"s3": {"bucket": "controllers-own"}}}


async def test_no_repository_at_all_is_no_error():
    assert await find(maps({}), default=None) == {"default": True}


@pytest.mark.parametrize(
    ("entries", "namespace"),
    [({"team/mine": config_map(k="s3: {bucket: b}"), "argo/mine": config_map(k="s3: {bucket: c}")}, "team"),
     ({"argo/mine": config_map(k="s3: {bucket: c}")}, "argo"),
     ({"team/mine": config_map(other="s3: {}"), "argo/mine": config_map(k="s3: {bucket: c}")}, "argo")],
    ids=["the workflow's namespace first", "then the controller's", "a missing key moves on"],
)  # fmt: skip
async def test_a_reference_is_looked_for_in_two_places(entries, namespace):
    found = await find(maps(entries), {"configMap": "mine", "key": "k"})
    assert found["namespace"] == namespace


async def test_a_reference_without_names_means_the_usual_map_and_its_default_key():
    found = await find(maps({"argo/artifact-repositories": config_map(main="gcs: {bucket: g}")}), {})
    assert (found["key"], found["artifactRepository"]) == ("main", {"gcs": {"bucket": "g"}})


@pytest.mark.parametrize(
    ("entries", "message"),
    [({}, 'failed to find any artifact repository for artifact repository ref "mine#k"'),
     ({"team/mine": Forbidden("no right")}, 'error getting config map for artifact repository ref "mine#k": no right'),
     ({"team/mine": config_map(k="s3: [")}, "mine.k: is no YAML"), ({"team/mine": config_map(k="x")}, "mine.k: is no object"),
     ({"team/mine": config_map(k="s33: {}")}, "mine.k: unknown field 's33', did you mean 's3'?")],
    ids=["nowhere", "not allowed", "no YAML", "no object", "misspelt"],
)  # fmt: skip
async def test_a_reference_that_leads_nowhere_is_told(entries, message):
    with pytest.raises(SpecError) as told:
        await find(maps(entries), {"configMap": "mine", "key": "k"})
    assert message in str(told.value)


async def test_a_cluster_that_does_not_answer_is_asked_again_and_nothing_is_remembered():
    source = maps({"team/artifact-repositories": Unavailable("later")})
    repositories = ConfigMapRepositories(cast("Any", source), "argo", lambda: None)

    with pytest.raises(TiphysError):
        await repositories.find("team", None)
    source.maps["team/artifact-repositories"] = config_map(main="s3: {bucket: b}")
    assert (await repositories.find("team", None)).key == "main"


async def test_many_that_ask_at_once_cost_one_request():
    source = maps({"team/artifact-repositories": config_map(main="s3: {bucket: b}")})
    repositories = ConfigMapRepositories(cast("Any", source), "argo", lambda: None)
    await asyncio.gather(*(repositories.find("team", None) for _ in range(50)))
    assert source.asked == ["team/artifact-repositories"]

"""Where artifacts go is found out before a workflow begins, once, whatever the API server does meanwhile."""

from typing import Any

from tests.integration.controller.conftest import Harbour, Life, place

from tiphys.cluster.repositories import ConfigMapRepositories
from tiphys.model.locations import ArtifactRepository
from tiphys.model.parse import parse_as
from tiphys.testing.apiserver import Fault

SPEC = """
entrypoint: a
%s
templates:
- name: a
  container: {image: i, command: [c]}
  outputs: {artifacts: [{name: out, path: /out}]}
"""
OWN = {"s3": {"endpoint": "e", "bucket": "own"}}


async def controller(harbour: Harbour, bucket: str = "own") -> Life:
    life = Life(harbour.server)
    default = parse_as(ArtifactRepository, {"s3": {"endpoint": "e", "bucket": bucket}})
    life.controller.repositories = ConfigMapRepositories(life.api, "argo", lambda: default)
    await life.start()
    harbour.lives.append(life)
    return life


def give(harbour: Harbour, text: str = "s3: {endpoint: e, bucket: b}") -> None:
    annotations = {"workflows.argoproj.io/default-artifact-repository": "main"}
    harbour.server.store.create(place("artifact-repositories", "configmaps"), {
        "metadata": {"name": "artifact-repositories", "annotations": annotations}, "data": {"main": text}})  # fmt: skip


def known(harbour: Harbour) -> dict[str, Any]:
    found: dict[str, Any] = harbour.status().get("artifactRepositoryRef", {})
    return found


async def test_the_configurations_own_counts_where_the_namespace_says_nothing(harbour: Harbour) -> None:
    await controller(harbour)
    harbour.submit(SPEC % "")
    await harbour.finished("w")
    assert known(harbour) == {"default": True, "artifactRepository": OWN}
    (pod,) = harbour.pods()
    assert '"bucket":"own"' in pod["metadata"]["annotations"]["tiphys.io/staging"]


async def test_the_namespaces_default_is_found_and_kept_when_the_controller_is_another(harbour: Harbour) -> None:
    give(harbour)
    life = await controller(harbour)
    harbour.submit(SPEC % "suspend: true")
    await harbour.until(lambda: bool(known(harbour)))
    await harbour.kill(life)
    harbour.server.store.patch(place("artifact-repositories", "configmaps"), {"data": {"main": "s3: {bucket: other}"}})
    await controller(harbour)
    harbour.patch({"spec": {"suspend": None}})
    await harbour.finished("w")
    assert known(harbour)["artifactRepository"] == {"s3": {"endpoint": "e", "bucket": "b"}}
    assert '"bucket":"b"' in harbour.pods()[0]["metadata"]["annotations"]["tiphys.io/staging"]


async def test_a_name_that_leads_nowhere_ends_the_workflow_with_it(harbour: Harbour) -> None:
    await controller(harbour)
    harbour.submit(SPEC % "artifactRepositoryRef: {configMap: mine, key: k}")
    await harbour.finished("w")
    assert (harbour.status()["phase"], harbour.status()["message"]) == (
        "Error",
        'failed to resolve artifact repository: failed to find any artifact repository for artifact repository ref "mine#k"',
    )
    assert not harbour.pods()


async def test_an_api_server_that_is_away_only_delays(harbour: Harbour) -> None:
    give(harbour)
    harbour.server.faults.append(Fault("answer", verb="get", kind="configmaps", status=503, times=3))
    await controller(harbour)
    harbour.submit(SPEC % "")
    await harbour.finished("w")
    assert known(harbour)["artifactRepository"] == {"s3": {"endpoint": "e", "bucket": "b"}}


async def test_a_repository_that_is_none_ends_the_workflow_with_its_place(harbour: Harbour) -> None:
    give(harbour, "s3: [")
    await controller(harbour)
    harbour.submit(SPEC % "")
    await harbour.finished("w")
    assert harbour.status()["message"].startswith("failed to resolve artifact repository: artifact-repositories.main: is no YAML")

"""The definitions of our kinds, as files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

FILES = sorted((Path(__file__).parents[2] / "crds").glob("*.yaml"))
SHORT = {
    "Workflow": ["wf"], "WorkflowTemplate": ["wftmpl"], "ClusterWorkflowTemplate": ["clusterwftmpl", "cwft"], "CronWorkflow": ["cwf", "cronwf"],
    "WorkflowEventBinding": ["wfeb"], "WorkflowTaskSet": ["wfts"], "WorkflowTaskResult": [], "WorkflowArtifactGCTask": ["wfat"],
}  # fmt: skip


def load(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.load(path.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    return found


def walk(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for part in value.values():
            yield from walk(part)
    elif isinstance(value, list):
        for part in value:
            yield from walk(part)


@pytest.fixture(scope="module", params=FILES, ids=lambda path: path.stem)
def crd(request: pytest.FixtureRequest) -> dict[str, Any]:
    return load(request.param)


def test_all_kinds_are_there():
    assert {load(path)["spec"]["names"]["kind"] for path in FILES} == set(SHORT)


def test_names_are_argos(crd):
    names = crd["spec"]["names"]
    assert names.get("shortNames", []) == SHORT[names["kind"]]
    assert (crd["spec"]["group"], crd["metadata"]["name"]) == ("argoproj.io", f"{names['plural']}.argoproj.io")
    assert crd["spec"]["scope"] == ("Cluster" if names["kind"] == "ClusterWorkflowTemplate" else "Namespaced")
    assert [version["name"] for version in crd["spec"]["versions"]] == ["v1alpha1"]


def test_status_is_written_with_the_object_as_one_piece(crd):
    version = crd["spec"]["versions"][0]
    assert ("subresources" in version) == (crd["spec"]["names"]["kind"] == "WorkflowTaskSet")
    status = version["schema"]["openAPIV3Schema"]["properties"].get("status")
    assert status is None or status["x-kubernetes-map-type"] == "atomic"


def test_no_list_is_limited(crd):
    # a property may be called so; a limit is a number
    assert not any(isinstance(part.get(limit), int) for part in walk(crd) for limit in ("maxItems", "maxLength", "maxProperties"))


def test_kubectl_apply_can_remember_it(crd):
    assert len(yaml.safe_dump(crd)) < 256 * 1024

"""The description of the API: every operation of Argo's server is in it, with what clients may ask."""

import re
from pathlib import Path
from typing import Any

import pytest

from tiphys.server.openapi import describe
from tiphys.server.routes import OPERATIONS

ARGO = Path(__file__).with_name("operations.txt").read_text().splitlines()
"""Method and path of the operations of Argo 4.1."""


@pytest.fixture(scope="module")
def said() -> dict[str, Any]:
    return describe(OPERATIONS)


def shape(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path)


def test_every_operation_of_argos_server_is_described(said: dict[str, Any]) -> None:
    known = {f"{verb.upper()} {shape(path)}" for path, verbs in said["paths"].items() for verb in verbs}
    assert len(ARGO) == 73
    assert [operation for operation in ARGO if shape(operation) not in known] == []


def test_each_operation_has_a_name_of_its_own_a_summary_and_its_parameters(said: dict[str, Any]) -> None:
    found = [(path, one) for path, verbs in said["paths"].items() for one in verbs.values()]
    names = [one["operationId"] for _, one in found]
    assert len(set(names)) == len(names)
    for path, one in found:
        assert one["summary"], path
        inside = {part["name"] for part in one["parameters"] if part["in"] == "path"}
        assert inside == set(re.findall(r"\{(\w+)\}", path)), path


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/api/v1/workflows/{namespace}", {"listOptions.continue", "listOptions.limit", "fields", "nameFilter", "createdAfter"}),
        (
            "/api/v1/workflows/{namespace}/{name}/log",
            {"podName", "grep", "selector", "logOptions.follow", "logOptions.tailLines"},
        ),
        ("/api/v1/archived-workflows", {"namePrefix", "namespace", "listOptions.labelSelector"}),
        ("/api/v1/workflow-templates/{namespace}", {"namePattern"}),
    ],
)
def test_what_clients_may_ask_is_said(said: dict[str, Any], path: str, names: set[str]) -> None:
    assert names <= {part["name"] for part in said["paths"][path]["get"]["parameters"]}


def test_bodies_are_described_by_the_types_that_read_them(said: dict[str, Any]) -> None:
    body = said["paths"]["/api/v1/workflows/{namespace}/{name}/retry"]["put"]["requestBody"]
    reference = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    assert {"restartSuccessful", "nodeFieldSelector", "parameters"} <= set(said["components"]["schemas"][reference]["properties"])

"""Schemas for editors say what the types say."""

import json
from typing import Any

from tiphys.server.schemas import schema_of
from tiphys.server.storage import TYPES


def _parts(kind: str) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(schema_of(kind))["$defs"]
    return made


def test_each_kind_has_a_schema_that_refuses_other_kinds_and_unknown_fields() -> None:
    for kind, type_ in TYPES.items():
        top = _parts(kind)[type_.__name__]
        assert top["properties"]["kind"] == {"const": kind}
        assert top["additionalProperties"] is False
        assert _parts(kind)["WorkflowSpec"]["additionalProperties"] is False


def test_what_pods_own_and_metadata_is_open() -> None:
    assert _parts("Workflow")["Template"]["properties"]["container"] == {"type": "object"}
    assert "additionalProperties" not in _parts("Workflow")["ObjectMeta"]


def test_absent_is_said_once_and_texts_may_be_numbers() -> None:
    assert '"null"' not in schema_of("CronWorkflow").decode()
    assert _parts("Workflow")["Parameter"]["properties"]["value"] == {"type": ["string", "number", "boolean"]}

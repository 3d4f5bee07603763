"""What a resource template's program leaves is read as what the shim leaves is."""

import pytest

from tiphys.executor.resource import leave_record, read_outputs
from tiphys.model.parse import parse_as
from tiphys.model.record import Framed, Record, parse_frame, parse_message, strip_frame
from tiphys.model.template import Template


def test_a_short_record_is_the_termination_message(tmp_path):
    leave_record(tmp_path / "t", {"v": 1, "exit": 0, "parameters": {"a": "é"}})
    found = parse_message((tmp_path / "t").read_text())
    assert isinstance(found, Record)
    assert found.parameters == {"a": "é"}


@pytest.mark.parametrize("size", [5000, 30_000])
def test_a_long_one_is_framed_at_the_end_of_the_log(tmp_path, capfdbinary, size):
    print("created", flush=True)
    leave_record(tmp_path / "t", {"v": 1, "exit": 0, "parameters": {"a": "x" * size}})
    found = parse_message((tmp_path / "t").read_text())
    log = capfdbinary.readouterr().out
    assert isinstance(found, Framed)
    assert parse_frame(log[-found.tail_bytes :], found).parameters["a"] == "x" * size
    assert strip_frame(log) == b"created\n"


def test_an_object_that_is_not_there_gives_defaults():
    outputs = {"parameters": [{"name": "a", "valueFrom": {"jsonPath": "{.x}", "default": "absent"}}, {"name": "b", "valueFrom": {"jqFilter": ".x"}}]}
    assert read_outputs(parse_as(Template, {"outputs": outputs}), {}) == {"a": "absent", "b": ""}

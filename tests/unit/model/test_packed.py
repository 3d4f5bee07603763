"""Nodes put back into workflows that say where they are."""

import msgspec
import pytest

from tiphys.errors import SpecError
from tiphys.model.compression import compress
from tiphys.model.packed import Packing, decompressed, document_packing, document_with_nodes, packing_of, with_nodes
from tiphys.model.parse import parse_workflow

NODES = b'{"n":{"id":"n","phase":"Succeeded"}}'


def test_a_workflow_says_where_its_nodes_are() -> None:
    assert not packing_of(parse_workflow({"status": {"nodes": {"n": {"id": "n"}}}}))
    assert packing_of(parse_workflow({"status": {"offloadNodeStatusVersion": "fnv:1"}})) == Packing(version="fnv:1")
    assert document_packing({"metadata": {"uid": "u"}, "status": {"compressedNodes": "x"}}) == ("u", Packing(compressed="x"))
    assert document_packing({}) == ("", Packing())


def test_nodes_are_put_back_and_nothing_says_they_were_elsewhere() -> None:
    packed = parse_workflow({"metadata": {"name": "w"}, "status": {"phase": "Running", "compressedNodes": compress(NODES)}})
    nodes = decompressed(packing_of(packed))
    assert nodes == NODES
    whole = with_nodes(packed, NODES)
    assert whole.status.nodes["n"].phase == "Succeeded"
    assert not packing_of(whole)
    assert whole.status.phase == "Running"


def test_plain_json_gets_them_back_too_and_is_not_touched_itself() -> None:
    document = {"metadata": {"uid": "u"}, "status": {"phase": "Running", "offloadNodeStatusVersion": "fnv:1"}}
    assert document_with_nodes(document, NODES)["status"] == {"phase": "Running", "nodes": msgspec.json.decode(NODES)}
    assert "nodes" not in document["status"]


@pytest.mark.parametrize("nodes", [b"[]", b"junk", b'{"n":1}'])
def test_what_is_no_map_of_nodes_is_refused(nodes: bytes) -> None:
    with pytest.raises(SpecError):
        with_nodes(parse_workflow({}), nodes)


def test_what_was_offloaded_is_not_in_the_object() -> None:
    assert decompressed(Packing(version="fnv:1")) is None

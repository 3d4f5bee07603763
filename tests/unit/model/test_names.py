"""Names against the reference's vectors (argo-semantics, Appendix A.1)."""

import pytest

from tiphys.model import names

VECTORS = [
    ("hello", "hello", "hello"),
    ("hello(0)", "hello-234647334", "hello-flaky-234647334"),
    ("hello[0].a", "hello-2217536542", "hello-flaky-2217536542"),
    ("hello[1].b(0:x)(0)", "hello-1987048438", "hello-flaky-1987048438"),
    ("hello[1].b(1:y)(1)", "hello-2857344671", "hello-flaky-2857344671"),
    ("hello.task-a.hooks.running", "hello-3159292259", "hello-flaky-3159292259"),
    ("hello.onExit", "hello-3061418610", "hello-flaky-3061418610"),
]


@pytest.mark.parametrize(("node", "node_id", "pod"), VECTORS)
def test_ids_and_pod_names_are_those_that_clients_compute(node: str, node_id: str, pod: str) -> None:
    assert names.node_id("hello", node) == node_id
    assert names.pod_name("hello", node_id, "flaky") == pod


def test_version_1_pod_names_are_node_ids() -> None:
    assert names.pod_name("hello", "hello-234647334", "flaky", version="v1") == "hello-234647334"


def test_an_inline_template_leaves_no_name_in_the_pod_name() -> None:
    assert names.pod_name("hello", "hello-234647334", "") == "hello-234647334"


def test_a_pod_name_keeps_its_hash_when_the_prefix_is_cut() -> None:
    name = names.pod_name("w" * 300, names.node_id("w" * 300, "x"), "t")
    assert name == "w" * 242 + f"-{names.fnv1a32('x')}"


@pytest.mark.parametrize(
    ("node", "boundary", "shown"),
    [("W", "", "W"), ("W[0]", "W", "[0]"), ("W[0].a", "W", "a"), ("W.t(0:x)(1)", "W", "t(0:x)(1)"), ("W[0].a.b", "W[0].a", "b")],
)
def test_display_names_drop_the_boundary(node: str, boundary: str, shown: str) -> None:
    assert names.display_name(node, boundary) == shown


@pytest.mark.parametrize(
    ("item", "text"),
    [("a(b)", "ab"), (3, "3"), (True, "true"), ({"b": 1, "a": "x"}, "a:x,b:1"), (["a", 1], "[a 1]"), (1.0, "1")],
)
def test_items_print_as_in_argo(item: object, text: str) -> None:
    assert names.member_name("W.t", 0, item) == f"W.t(0:{text})"


@pytest.mark.parametrize(
    ("item", "text"),
    [
        ([{"a": 1, "b": "x"}, {"a": 2}], '[{"a":1,"b":"x"} {"a":2}]'),
        ({"k": {"z": 1, "a": [True, None]}}, 'k:{"z":1,"a":[true,null]}'),
        ({"a": "1", "a-b": "2"}, "a-b:2,a:1"),
        ('say "hello"', 'say \\"hello\\"'),
        ({"k": "two\nlines"}, "k:two\\nlines"),
    ],
)
def test_what_is_inside_of_an_item_is_json_without_the_quotes_of_texts(item: object, text: str) -> None:
    assert names.member_name("t", 0, item) == f"t(0:{text})"

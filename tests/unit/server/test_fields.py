"""Of an object exactly that is shown which `fields` names, however its keys are called."""

import string
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tiphys.server.answers import Fields

KEYS = st.sampled_from(["a", "b", "c", "a.b", "a.b/c"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.integers(0, 3), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)
PATHS = st.lists(st.lists(KEYS, min_size=1, max_size=3).map(".".join), min_size=1, max_size=4)


def _leaves(value: Any, path: str = "") -> set[str]:
    """Paths of all that is no object and no list, and of what is empty."""
    if isinstance(value, list):
        return set().union({path}, *(_leaves(one, path) for one in value))
    if isinstance(value, dict):
        return set().union({path}, *(_leaves(one, f"{path}.{key}" if path else key) for key, one in value.items()))
    return {path}


def _is_below(path: str, names: list[str]) -> bool:
    return any(path == one or path.startswith(f"{one}.") for one in names)


@given(st.dictionaries(KEYS, VALUES), PATHS)
def test_what_is_named_is_shown_and_nothing_beside(document: dict[str, Any], names: list[str]) -> None:
    shown = _leaves(Fields(",".join(names)).cut(document))
    wanted = {path for path in _leaves(document) if _is_below(path, names)}
    assert wanted <= shown
    # the rest are the objects around it
    assert all(not path or any(one.startswith(f"{path}.") for one in names) for path in shown - wanted)


@given(st.dictionaries(KEYS, VALUES), PATHS)
def test_what_is_left_out_is_not_shown_and_all_else_is(document: dict[str, Any], names: list[str]) -> None:
    shown = _leaves(Fields("-" + ",".join(names)).cut(document))
    assert shown == {path for path in _leaves(document) if not _is_below(path, names)}


def test_of_many_nodes_those_that_are_named_are_told_apart() -> None:
    nodes = {f"n-{number}": {"phase": "Failed", "message": "m"} for number in range(1000)}
    fields = Fields("nodes.n-3,nodes.n-999.phase")
    for _ in range(2):
        assert fields.cut({"nodes": nodes}) == {"nodes": {"n-3": nodes["n-3"], "n-999": {"phase": "Failed"}}}


def test_thousands_of_paths_cost_no_more_than_a_look() -> None:
    """As many as a query holds: each name of what is cut is looked up, not compared."""
    paths = [f"{first}{second}{third}.x" for first in string.ascii_letters for second in string.ascii_letters for third in "abcd"]
    document = {"nodes": {f"n{number}": {"x": 1} for number in range(20_000)}}
    assert Fields(",".join(paths)).cut(document) == {}
    assert Fields("nodes.n7.x," + ",".join(f"nodes.{path}" for path in paths)).cut(document) == {"nodes": {"n7": {"x": 1}}}

"""Which dotted names an expression reads, told from its syntax tree alone.

Source: argo-semantics 9.3.
"""

from collections.abc import Iterator
from dataclasses import fields
from typing import NamedTuple

from tiphys.expr import syntax


class Reference(NamedTuple):
    """A dotted name.

    `is_guarded` when it may be missing: the expression says what to take then (`??`, `?.`), or the name goes
    on with a part that only a run can tell (`steps[x].id`).
    """

    name: str
    is_guarded: bool


def references(tree: syntax.Node) -> frozenset[Reference]:
    """The names that the expression takes from its environment, as far as they are written out (`a.b` of `a.b[c].d`)."""
    return frozenset(_walk(tree, is_guarded=False))


def _walk(node: syntax.Node, *, is_guarded: bool) -> Iterator[Reference]:
    match node:
        case syntax.Name():
            yield Reference(node.name, is_guarded)
        case syntax.Member():
            yield from _member(node, is_guarded=is_guarded)
        case syntax.Binary(operator="??"):
            yield from _walk(node.left, is_guarded=True)
            yield from _walk(node.right, is_guarded=is_guarded)
        case syntax.Chain():
            yield from _walk(node.inner, is_guarded=True)
        case _:
            for child in children(node):
                yield from _walk(child, is_guarded=is_guarded)


def _member(node: syntax.Member, *, is_guarded: bool) -> Iterator[Reference]:
    keys: list[str] = []
    is_open = False
    place: syntax.Node = node
    while isinstance(place, syntax.Member):
        if isinstance(place.key, syntax.Constant) and isinstance(place.key.value, str):
            keys.append(place.key.value)
        else:
            keys.clear()
            is_open = is_open or not isinstance(place.key, syntax.Constant)
            yield from _walk(place.key, is_guarded=is_guarded)
        place = place.object
    if isinstance(place, syntax.Name):
        yield Reference(".".join((place.name, *reversed(keys))), is_guarded or is_open)
    else:
        yield from _walk(place, is_guarded=is_guarded)


def children(node: syntax.Node) -> Iterator[syntax.Node]:
    """The nodes directly below a node."""
    for field in fields(node):
        yield from _nodes(getattr(node, field.name))


def _nodes(value: object) -> Iterator[syntax.Node]:
    if isinstance(value, syntax.Node):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from _nodes(part)


def weight(tree: syntax.Node) -> int:
    """How many nodes the tree has."""
    count, waiting = 0, [tree]
    while waiting:
        count += 1
        waiting.extend(children(waiting.pop()))
    return count

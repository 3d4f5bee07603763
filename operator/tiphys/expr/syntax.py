"""The syntax tree of an expr-lang expression: what the parser makes and the compiler reads."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Node:
    """A part of an expression."""


@dataclass(frozen=True, slots=True)
class Constant(Node):
    """A literal."""

    value: object


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A name of the environment."""

    name: str


@dataclass(frozen=True, slots=True)
class Slot(Node):
    """A variable of `let` or of a predicate, by its place in the frame."""

    index: int


@dataclass(frozen=True, slots=True)
class Environment(Node):
    """`$env`."""


@dataclass(frozen=True, slots=True)
class Unary(Node):
    """`-x`, `+x`, `!x`."""

    operator: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Binary(Node):
    """`a + b` and the like."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Conditional(Node):
    """`c ? a : b`; without `then`, `c ?: b`."""

    condition: Node
    then: Node | None
    otherwise: Node


@dataclass(frozen=True, slots=True)
class Member(Node):
    """`a.b`, `a[b]`, `a?.b`."""

    object: Node
    key: Node
    is_optional: bool


@dataclass(frozen=True, slots=True)
class Slice(Node):
    """`a[b:c]`."""

    object: Node
    start: Node | None
    end: Node | None


@dataclass(frozen=True, slots=True)
class Chain(Node):
    """Members of which one is optional: nil as a whole when that one has nil before it."""

    inner: Node


@dataclass(frozen=True, slots=True)
class Call(Node):
    """A call of a value that is a function; `name` is for messages."""

    name: str
    function: Node
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class BuiltinCall(Node):
    """A call of a function of the language."""

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Predicate(Node):
    """What runs for each element; slots of the element, its index and the accumulator."""

    body: Node
    element: int
    index: int
    accumulator: int


@dataclass(frozen=True, slots=True)
class PredicateCall(Node):
    """`filter(array, predicate)` and the like."""

    name: str
    array: Node
    predicate: Predicate | None
    extra: Node | None


@dataclass(frozen=True, slots=True)
class Let(Node):
    """`let x = value; body`."""

    slot: int
    value: Node
    body: Node


@dataclass(frozen=True, slots=True)
class Sequence(Node):
    """`a; b`: the value is the last one's."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class ArrayOf(Node):
    """`[a, b]`."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class MapOf(Node):
    """`{a: b}`."""

    pairs: tuple[tuple[Node, Node], ...]

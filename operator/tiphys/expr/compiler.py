"""A syntax tree becomes closures: each takes the environment and the frame, and gives the value.

Source: expr-lang 1.17.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tiphys.errors import ExpressionError
from tiphys.expr import syntax
from tiphys.expr.cost import Frame, flat_cost
from tiphys.expr.functions import ARGO, BUILTINS, by_order, hashable, now_in, total
from tiphys.expr.references import weight
from tiphys.expr.scope import Branch
from tiphys.expr.sprig import SPRIG, Clocked
from tiphys.expr.values import OPERATORS, UNARY, fetch, is_number, slice_of, span, truth, type_name

Code = Callable[[Mapping[str, Any], Frame], Any]

BUILTIN_NAMES = frozenset(BUILTINS) | {"now"}
FUNCTIONS: Mapping[str, Any] = {**ARGO, "sprig": SPRIG}
"""What Argo adds to every environment."""
_ON_VALUES = frozenset({"in", "contains", "startsWith", "endsWith", "matches"})
_FLAT = frozenset({"len", "type", "first", "last", "get", "take", "keys", "values"})
"""Functions whose work does not grow with what their arguments hold."""


class _Nothing(Exception):  # noqa: N818 not an error: the way out of a chain
    """An optional member had nil before it."""


def compile_tree(node: syntax.Node) -> Code:
    """The closure of a syntax tree."""
    return _COMPILERS[type(node)](node)


def _constant(node: syntax.Constant) -> Code:
    value = node.value
    return lambda _environment, _frame: value


def _name(node: syntax.Name) -> Code:
    return _settled(_raw_name(node))


def _raw_name(node: syntax.Name) -> Code:
    name, known = node.name, FUNCTIONS.get(node.name)

    def run(environment: Mapping[str, Any], _frame: Frame) -> Any:
        if isinstance(environment, Branch):
            return environment.step(name) if known is None else known
        value = environment.get(name)
        return known if value is None else value

    return run


def _settled(code: Code) -> Code:
    """What the end of a way through a scope comes to."""

    def run(environment: Mapping[str, Any], frame: Frame) -> Any:
        value = code(environment, frame)
        return value.settle() if isinstance(value, Branch) else value

    return run


def _raw(node: syntax.Node) -> Code:
    """The code of a container whose members are asked for next."""
    match node:
        case syntax.Name():
            return _raw_name(node)
        case syntax.Member():
            return _raw_member(node)
        case _:
            return compile_tree(node)


def _slot(node: syntax.Slot) -> Code:
    index = node.index
    return lambda _environment, frame: frame.slots[index]


def _environment(_node: syntax.Environment) -> Code:
    return lambda environment, _frame: environment


def _unary(node: syntax.Unary) -> Code:
    operand, apply = compile_tree(node.operand), UNARY[node.operator]
    return lambda environment, frame: apply(operand(environment, frame))


def _binary(node: syntax.Binary) -> Code:
    _check_constants(node)
    left, right = compile_tree(node.left), compile_tree(node.right)
    match node.operator:
        case "&&" | "||":
            return _logical(node, left, right)
        case "??":
            return _coalesce(left, right)
        case "..":
            return _span(left, right)
    apply = OPERATORS.get(node.operator)
    if apply is None:
        raise ExpressionError(f"unknown operator {node.operator}")

    def run(environment: Mapping[str, Any], frame: Frame) -> Any:
        one, other = left(environment, frame), right(environment, frame)
        frame.spend(1)
        frame.visit(one)
        frame.visit(other)
        return apply(one, other)

    return run


def _check_constants(node: syntax.Binary) -> None:
    """As expr-lang, which knows the types of literals before it runs.

    Raises:
        ExpressionError: The literals on both sides can never be compared.
    """
    if not (isinstance(node.left, syntax.Constant) and isinstance(node.right, syntax.Constant)):
        return
    left, right = node.left.value, node.right.value
    is_alike = type(left) is type(right) or (is_number(left) and is_number(right))
    is_equality = node.operator in ("==", "!=") and (is_alike or left is None or right is None)
    if not is_equality and (node.operator in ("==", "!=") or (left is right is None and node.operator in _ON_VALUES)):
        raise ExpressionError(f"invalid operation: {node.operator} (mismatched types {type_name(left)} and {type_name(right)})")


def _span(left: Code, right: Code) -> Code:
    def run(environment: Mapping[str, Any], frame: Frame) -> Any:
        numbers = span(left(environment, frame), right(environment, frame))
        frame.spend(len(numbers))
        return list(numbers)

    return run


def _logical(node: syntax.Binary, left: Code, right: Code) -> Code:
    """`&&` and `||`; as in expr-lang's optimizer, a literal on the right decides or drops out before the left is looked at."""
    is_and = node.operator == "&&"
    if isinstance(node.right, syntax.Constant) and isinstance(node.right.value, bool):
        return left if node.right.value is is_and else right
    return _both(left, right) if is_and else _either(left, right)


def _both(left: Code, right: Code) -> Code:
    def run(environment: Mapping[str, Any], frame: Frame) -> Any:
        return right(environment, frame) if truth(left(environment, frame)) else False

    return run


def _either(left: Code, right: Code) -> Code:
    def run(environment: Mapping[str, Any], frame: Frame) -> Any:
        return True if truth(left(environment, frame)) else right(environment, frame)

    return run


def _coalesce(left: Code, right: Code) -> Code:
    def run(environment: Mapping[str, Any], frame: Frame) -> Any:
        value = left(environment, frame)
        return right(environment, frame) if value is None else value

    return run


def _conditional(node: syntax.Conditional) -> Code:
    condition, otherwise = compile_tree(node.condition), compile_tree(node.otherwise)
    then = None if node.then is None else compile_tree(node.then)

    def run(environment: Mapping[str, Any], frame: Frame) -> Any:
        value = condition(environment, frame)
        if not truth(value):
            return otherwise(environment, frame)
        return value if then is None else then(environment, frame)

    return run


def _member(node: syntax.Member) -> Code:
    return _settled(_raw_member(node))


def _raw_member(node: syntax.Member) -> Code:
    if isinstance(node.object, syntax.Constant) and isinstance(node.object.value, str):
        raise ExpressionError("type string[int] is undefined")
    container, key, is_optional = _raw(node.object), compile_tree(node.key), node.is_optional

    def run(environment: Mapping[str, Any], frame: Frame) -> Any:
        value = container(environment, frame)
        if isinstance(value, Branch):
            return _branch_member(value, key(environment, frame))
        if value is None and is_optional:
            raise _Nothing
        return fetch(value, key(environment, frame))

    return run


def _branch_member(branch: Branch, key: Any) -> Any:
    found = branch.step(key)
    value = branch.own_value()
    if isinstance(value, Mapping | list) and isinstance(found, Branch) and found.settle() is None:
        return fetch(value, key)
    return found


def _slice(node: syntax.Slice) -> Code:
    container = compile_tree(node.object)
    start = None if node.start is None else compile_tree(node.start)
    end = None if node.end is None else compile_tree(node.end)

    def run(environment: Mapping[str, Any], frame: Frame) -> Any:
        first = start(environment, frame) if start else None
        return slice_of(container(environment, frame), first, end(environment, frame) if end else None)

    return run


def _chain(node: syntax.Chain) -> Code:
    inner = compile_tree(node.inner)

    def run(environment: Mapping[str, Any], frame: Frame) -> Any:
        try:
            return inner(environment, frame)
        except _Nothing:
            return None

    return run


def _pay(frame: Frame, values: Iterable[Any]) -> None:
    """The price of a call that visits these values."""
    frame.spend(4)
    for value in values:
        frame.visit(value)


def invoke(name: str, function: Callable[..., Any], arguments: list[Any]) -> Any:
    """The answer of a function; whatever it raises is an `ExpressionError`."""
    try:
        return function(*arguments)
    except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as e:
        raise ExpressionError(f"{name}: {e}") from e


def _call(node: syntax.Call) -> Code:
    name, function = node.name, compile_tree(node.function)
    arguments = tuple(map(compile_tree, node.arguments))

    def run(environment: Mapping[str, Any], frame: Frame) -> Any:
        found = function(environment, frame)
        if not callable(found):
            raise ExpressionError(f"{name} is not callable")
        values = [argument(environment, frame) for argument in arguments]
        _pay(frame, values)
        if isinstance(found, Clocked):
            values = [now_in(frame.now), *values]
        result = invoke(name, found, values)
        frame.spend(flat_cost(result))
        return result

    return run


def _builtin(node: syntax.BuiltinCall) -> Code:
    name, arguments = node.name, tuple(map(compile_tree, node.arguments))
    function, is_flat = BUILTINS.get(name), name in _FLAT

    def run(environment: Mapping[str, Any], frame: Frame) -> Any:
        values = [argument(environment, frame) for argument in arguments]
        if function is None:
            return now_in(frame.now, *values[:1])
        _pay(frame, () if is_flat else values)
        result = invoke(name, function, values)
        frame.spend(flat_cost(result))
        return result

    return run


def _let(node: syntax.Let) -> Code:
    slot, value, body = node.slot, compile_tree(node.value), compile_tree(node.body)

    def run(environment: Mapping[str, Any], frame: Frame) -> Any:
        frame.slots[slot] = value(environment, frame)
        return body(environment, frame)

    return run


def _sequence(node: syntax.Sequence) -> Code:
    parts = tuple(map(compile_tree, node.parts))
    return lambda environment, frame: [part(environment, frame) for part in parts][-1]


def _array(node: syntax.ArrayOf) -> Code:
    items = tuple(map(compile_tree, node.items))
    return lambda environment, frame: [item(environment, frame) for item in items]


def _map(node: syntax.MapOf) -> Code:
    pairs = tuple((compile_tree(key), compile_tree(value)) for key, value in node.pairs)

    def run(environment: Mapping[str, Any], frame: Frame) -> Any:
        made: dict[str, Any] = {}
        for key_code, value_code in pairs:
            key = key_code(environment, frame)
            if not isinstance(key, str):
                raise ExpressionError(f"cannot use {type_name(key)} as map key")
            made.setdefault(key, value_code(environment, frame))
        return made

    return run


class _Elements:
    """The elements of an array as a predicate sees them."""

    def __init__(self, node: syntax.PredicateCall) -> None:
        self.name = node.name
        self.array = compile_tree(node.array)
        self.predicate = node.predicate
        self.body: Code = _identity if node.predicate is None else compile_tree(node.predicate.body)
        self.price = 4 + (0 if node.predicate is None else weight(node.predicate.body))

    def of(self, environment: Mapping[str, Any], frame: Frame) -> list[Any]:
        """The elements of the list."""
        value = self.array(environment, frame)
        if not isinstance(value, list):
            raise ExpressionError(f"builtin {self.name} takes only array (got {type_name(value)})")
        return value

    def apply(self, environment: Mapping[str, Any], frame: Frame, index: int, element: Any) -> Any:
        """What the predicate says of one element; the element itself without a predicate."""
        frame.spend(self.price)
        if self.predicate is None:
            return element
        frame.slots[self.predicate.element] = element
        frame.slots[self.predicate.index] = index
        return self.body(environment, frame)

    def each(self, environment: Mapping[str, Any], frame: Frame) -> "list[tuple[Any, Any]]":
        """Each element with what the predicate says of it."""
        return [(element, self.apply(environment, frame, i, element)) for i, element in enumerate(self.of(environment, frame))]


def _identity(_environment: Mapping[str, Any], _frame: Frame) -> Any:
    return None


def _predicate_call(node: syntax.PredicateCall) -> Code:
    elements = _Elements(node)
    if node.name.startswith("find"):
        return _find(node.name, elements)
    if node.name == "reduce":
        return _reduce(node, elements)
    if node.name == "sortBy":
        extra = None if node.extra is None else compile_tree(node.extra)
        return lambda environment, frame: [
            element
            for element, _ in by_order(
                elements.each(environment, frame), extra(environment, frame) if extra else "asc", key=lambda pair: pair[1]
            )
        ]
    return _FOLDS[node.name](elements)


def _any(elements: _Elements, *, wanted: bool, answer: bool) -> Code:
    def run(environment: Mapping[str, Any], frame: Frame) -> Any:
        for index, element in enumerate(elements.of(environment, frame)):
            if truth(elements.apply(environment, frame, index, element)) is wanted:
                return answer
        return not answer

    return run


def _count(elements: _Elements) -> Code:
    return lambda environment, frame: sum(truth(said) for _, said in elements.each(environment, frame))


def _one(elements: _Elements) -> Code:
    count = _count(elements)
    return lambda environment, frame: count(environment, frame) == 1


def _group(elements: _Elements) -> Code:
    def run(environment: Mapping[str, Any], frame: Frame) -> Any:
        groups: dict[Any, list[Any]] = {}
        for element, key in elements.each(environment, frame):
            groups.setdefault(hashable(key), []).append(element)
        return groups

    return run


_FOLDS: dict[str, Callable[[_Elements], Code]] = {
    "all": lambda elements: _any(elements, wanted=False, answer=False),
    "none": lambda elements: _any(elements, wanted=True, answer=False),
    "any": lambda elements: _any(elements, wanted=True, answer=True),
    "one": _one,
    "count": _count,
    "filter": lambda elements: (
        lambda environment, frame: [element for element, said in elements.each(environment, frame) if truth(said)]
    ),
    "map": lambda elements: lambda environment, frame: [said for _, said in elements.each(environment, frame)],
    "sum": lambda elements: lambda environment, frame: total(said for _, said in elements.each(environment, frame)),
    "groupBy": _group,
}


def _find(name: str, elements: _Elements) -> Code:
    is_index, is_last = name.endswith("Index"), "Last" in name

    def run(environment: Mapping[str, Any], frame: Frame) -> Any:
        values = elements.of(environment, frame)
        places = range(len(values))
        for index in reversed(places) if is_last else places:
            if truth(elements.apply(environment, frame, index, values[index])):
                return index if is_index else values[index]
        return None

    return run


def _reduce(node: syntax.PredicateCall, elements: _Elements) -> Code:
    extra = None if node.extra is None else compile_tree(node.extra)
    accumulator = node.predicate.accumulator if node.predicate else 0

    def run(environment: Mapping[str, Any], frame: Frame) -> Any:
        values = elements.of(environment, frame)
        if extra is None and not values:
            raise ExpressionError("reduce of empty array with no initial value")
        start = 0 if extra is not None else 1
        result = extra(environment, frame) if extra is not None else values[0]
        for index in range(start, len(values)):
            frame.slots[accumulator] = result
            result = elements.apply(environment, frame, index, values[index])
        return result

    return run


_COMPILERS: dict[type, Callable[[Any], Code]] = {
    syntax.Constant: _constant,
    syntax.Name: _name,
    syntax.Slot: _slot,
    syntax.Environment: _environment,
    syntax.Unary: _unary,
    syntax.Binary: _binary,
    syntax.Conditional: _conditional,
    syntax.Member: _member,
    syntax.Slice: _slice,
    syntax.Chain: _chain,
    syntax.Call: _call,
    syntax.BuiltinCall: _builtin,
    syntax.Let: _let,
    syntax.Sequence: _sequence,
    syntax.ArrayOf: _array,
    syntax.MapOf: _map,
    syntax.PredicateCall: _predicate_call,
}

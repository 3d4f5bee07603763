"""Tokens of an expr-lang expression become a syntax tree, by operator precedence.

Source: expr-lang 1.17's grammar.
"""

from dataclasses import dataclass, field

from tiphys.errors import ExpressionError
from tiphys.expr import syntax
from tiphys.expr.lexer import Token, tokens

PREDICATES = frozenset(
    {"all", "none", "any", "one", "filter", "map", "count", "sum", "find", "findIndex", "findLast", "findLastIndex",
     "groupBy", "sortBy", "reduce"},
)  # fmt: skip
_UNARY = {"not": 50, "!": 50, "-": 90, "+": 90}
_BINARY = {
    "|": 0, "or": 10, "||": 10, "and": 15, "&&": 15, "==": 20, "!=": 20, "<": 20, ">": 20, ">=": 20, "<=": 20, "in": 20,
    "matches": 20, "contains": 20, "startsWith": 20, "endsWith": 20, "..": 25, "+": 30, "-": 30, "*": 60, "/": 60, "%": 60,
    "**": 100, "^": 100, "??": 500,
}  # fmt: skip
_RIGHT = frozenset({"**", "^"})
_ORDERED = frozenset({"<", ">", "<=", ">="})
_NEGATABLE = frozenset({"contains", "matches", "startsWith", "endsWith", "in"})
_SAME = {"not": "!", "or": "||", "and": "&&", "^": "**"}
_LITERALS = {"true": True, "false": False, "nil": None}
_MAX_DEPTH = 60
_MAX_INTEGER = 2**63 - 1


@dataclass(slots=True)
class Parsed:
    """A parsed expression: its tree, and how many slots a frame needs."""

    tree: syntax.Node
    slots: int


@dataclass(slots=True)
class _Parser:
    source: str
    builtins: frozenset[str]
    tokens: list[Token]
    place: int = 0
    variables: dict[str, int] = field(default_factory=dict)
    pointers: list[syntax.Predicate] = field(default_factory=list)
    slots: int = 0
    depth: int = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.place]

    def error(self, message: str = "") -> ExpressionError:
        token = self.token
        text = message or ("unexpected end of expression" if token.kind == "end" else f"unexpected token {token.text!r}")
        return ExpressionError(text, source=self.source, position=token.position)

    def at(self, *texts: str) -> bool:
        return self.token.kind in ("operator", "bracket") and self.token.text in texts

    def take(self) -> Token:
        token = self.token
        self.place += 1
        return token

    def skip(self, text: str) -> bool:
        if self.at(text):
            self.place += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.skip(text):
            raise self.error()

    def expect_name(self) -> str:
        if self.token.kind != "name":
            raise self.error()
        return self.take().text

    def slot(self) -> int:
        self.slots += 1
        return self.slots - 1

    # what follows is the grammar, from the loosest binding to the tightest

    def sequence(self) -> syntax.Node:
        parts = [self.expression(0)]
        while self.skip(";"):
            if self.token.kind == "end":
                break
            parts.append(self.expression(0))
        return parts[0] if len(parts) == 1 else syntax.Sequence(tuple(parts))

    def expression(self, precedence: int) -> syntax.Node:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise self.error("expression is nested too deeply")
        if precedence == 0 and self.at("let"):
            node = self.let()
        elif precedence == 0 and self.at("if"):
            node = self.condition()
        else:
            node = self.binary(precedence)
            if precedence == 0:
                node = self.ternary(node)
        self.depth -= 1
        return node

    def let(self) -> syntax.Node:
        self.take()
        name = self.expect_name()
        self.expect("=")
        value = self.expression(0)
        self.expect(";")
        if name in self.builtins or name in self.variables:
            raise self.error(f"cannot redeclare {name}")
        slot, outer = self.slot(), self.variables
        self.variables = {**outer, name: slot}
        body = self.sequence()
        self.variables = outer
        return syntax.Let(slot, value, body)

    def condition(self) -> syntax.Node:
        self.take()
        condition = self.expression(0)
        then = self.block()
        self.expect("else")
        otherwise = self.condition() if self.at("if") else self.block()
        return syntax.Conditional(condition, then, otherwise)

    def block(self) -> syntax.Node:
        self.expect("{")
        node = self.sequence()
        self.expect("}")
        return node

    def ternary(self, node: syntax.Node) -> syntax.Node:
        while self.skip("?"):
            then = None if self.at(":") else self.expression(0)
            self.expect(":")
            node = syntax.Conditional(node, then, self.expression(0))
        return node

    def binary(self, precedence: int) -> syntax.Node:
        left, previous = self.unary(), ""
        while self.token.kind == "operator":
            is_negated, operator = self.operator(precedence)
            if not operator:
                break
            if operator == "|":
                name = self.expect_name()
                left = self.postfix(self.call(name, left))
            elif previous == "??" and operator != "??":
                raise self.error(f"Operator ({operator}) and coalesce expressions (??) cannot be mixed.")
            elif operator in _ORDERED:
                left = self.comparison(left, operator)
            else:
                tighter = _BINARY[operator] + (0 if operator in _RIGHT else 1)
                left = syntax.Binary(_SAME.get(operator, operator), left, self.expression(tighter))
            if is_negated:
                left = syntax.Unary("!", left)
            previous = operator
        return left

    def operator(self, precedence: int) -> tuple[bool, str]:
        """Whether `not` stands before the next binary operator, and that operator; empty when it binds looser."""
        start, operator, is_negated = self.place, self.token.text, False
        if operator == "not":
            self.take()
            operator, is_negated = self.token.text, True
            if operator not in _NEGATABLE:
                raise self.error()
        if _BINARY.get(operator, -1) < precedence:
            self.place = start
            return False, ""
        self.take()
        return is_negated, operator

    def comparison(self, left: syntax.Node, operator: str) -> syntax.Node:
        """`a < b < c` means `a < b && b < c`."""
        whole: syntax.Node | None = None
        while True:
            right = self.expression(_BINARY[operator] + 1)
            one = syntax.Binary(operator, left, right)
            whole = one if whole is None else syntax.Binary("&&", whole, one)
            left = right
            if not self.at(*_ORDERED):
                return whole
            operator = self.take().text

    def unary(self) -> syntax.Node:
        token = self.token
        if token.kind == "operator" and token.text in _UNARY:
            self.take()
            operand = self.expression(_UNARY[token.text])
            if token.text == "-" and isinstance(operand, syntax.Constant) and type(operand.value) in (int, float):
                return self.postfix(syntax.Constant(-operand.value))  # type: ignore[operator]
            return self.postfix(syntax.Unary(_SAME.get(token.text, token.text), operand))
        if self.skip("("):
            node = self.sequence()
            self.expect(")")
            return self.postfix(node)
        if self.pointers and self.at("#", "."):
            return self.postfix(self.pointer())
        if self.skip("::"):
            return self.postfix(self.call(self.expect_name(), None))
        return self.primary()

    def pointer(self) -> syntax.Node:
        name = ""
        if self.skip("#") and self.token.kind == "name":
            name = self.take().text
        current = self.pointers[-1]
        match name:
            case "":
                return syntax.Slot(current.element)
            case "index":
                return syntax.Slot(current.index)
            case "acc" if current.accumulator >= 0:
                return syntax.Slot(current.accumulator)
            case _:
                raise self.error(f"unknown pointer #{name}")

    def primary(self) -> syntax.Node:
        token = self.token
        match token.kind:
            case "name":
                return self.named()
            case "number":
                self.take()
                return syntax.Constant(self.number(token))
            case "text":
                self.take()
                return self.postfix(syntax.Constant(token.text))
        if self.skip("["):
            return self.postfix(syntax.ArrayOf(self.listed("]")))
        if self.skip("{"):
            return self.postfix(self.map_of())
        raise self.error()

    def named(self) -> syntax.Node:
        name = self.take().text
        if name in _LITERALS:
            return syntax.Constant(_LITERALS[name])
        if self.at("("):
            return self.postfix(self.call(name, None))
        if name in self.variables:
            return self.postfix(syntax.Slot(self.variables[name]))
        if name == "$env":
            return self.postfix(syntax.Environment())
        return self.postfix(syntax.Name(name))

    def number(self, token: Token) -> int | float:
        text = token.text.replace("_", "").lower()
        try:
            value = int(text, 0) if text[:2] in ("0x", "0b", "0o") else float(text) if set(text) & set(".e") else int(text)
        except ValueError as e:
            raise self.error("invalid number literal") from e
        if isinstance(value, int) and value > _MAX_INTEGER:
            raise self.error("integer literal is too large")
        return value

    def listed(self, end: str) -> tuple[syntax.Node, ...]:
        items: list[syntax.Node] = []
        while not self.skip(end):
            if items:
                self.expect(",")
                if self.skip(end):
                    break
            items.append(self.expression(0))
        return tuple(items)

    def map_of(self) -> syntax.Node:
        pairs: list[tuple[syntax.Node, syntax.Node]] = []
        while not self.skip("}"):
            if pairs:
                self.expect(",")
                if self.skip("}"):
                    break
            if self.token.kind in ("number", "text", "name"):
                key: syntax.Node = syntax.Constant(self.take().text)
            elif self.at("("):
                key = self.expression(0)
            else:
                raise self.error("a map key must be a quoted string, a number, a identifier, or an expression in parentheses")
            self.expect(":")
            pairs.append((key, self.expression(0)))
        return syntax.MapOf(tuple(pairs))

    def call(self, name: str, first: syntax.Node | None) -> syntax.Node:
        given = () if first is None else (first,)
        if name in PREDICATES:
            return self.predicate_call(name, first)
        self.expect("(")
        arguments = (*given, *self.listed(")"))
        if name in self.variables:
            return syntax.Call(name, syntax.Slot(self.variables[name]), arguments)
        if name in self.builtins:
            return syntax.BuiltinCall(name, arguments)
        return syntax.Call(name, syntax.Name(name), arguments)

    def predicate_call(self, name: str, array: syntax.Node | None) -> syntax.Node:
        self.expect("(")
        if array is None:
            array = self.expression(0)
            if not self.at(")"):
                self.expect(",")
        predicate = extra = None
        if not self.at(")"):
            predicate = self.predicate(has_accumulator=name == "reduce")
            if name in ("reduce", "sortBy") and self.skip(",") and not self.at(")"):
                extra = self.expression(0)
        elif name not in ("count", "sum"):
            raise self.error(f"{name} needs a predicate")
        self.skip(",")
        self.expect(")")
        return syntax.PredicateCall(name, array, predicate, extra)

    def predicate(self, *, has_accumulator: bool) -> syntax.Predicate:
        has_braces = self.skip("{")
        element, index = self.slot(), self.slot()
        shape = syntax.Predicate(syntax.Constant(None), element, index, self.slot() if has_accumulator else -1)
        self.pointers.append(shape)
        body = self.sequence() if has_braces else self.expression(0)
        self.pointers.pop()
        if has_braces:
            self.expect("}")
        elif self.at(";"):
            raise self.error("wrap predicate with brackets { and }")
        return syntax.Predicate(body, element, index, shape.accumulator)

    def postfix(self, node: syntax.Node) -> syntax.Node:
        is_chain = False
        while self.at(".", "?.", "["):
            is_optional = self.at("?.")
            is_chain = is_chain or is_optional
            if self.at("["):
                node = self.index(node, is_optional=False)
                continue
            self.take()
            follow = self.index if is_optional and self.at("[") else self.member
            node = follow(node, is_optional=is_optional)
        return syntax.Chain(node) if is_chain else node

    def member(self, node: syntax.Node, *, is_optional: bool) -> syntax.Node:
        token = self.take()
        if token.kind != "name" and not (token.kind == "operator" and token.text.isidentifier()):
            self.place -= 1
            raise self.error("expected name")
        found = syntax.Member(node, syntax.Constant(token.text), is_optional)
        if self.skip("("):
            return syntax.Call(token.text, found, self.listed(")"))
        return found

    def index(self, node: syntax.Node, *, is_optional: bool) -> syntax.Node:
        self.expect("[")
        start = None if self.at(":") else self.expression(0)
        if self.skip(":"):
            end = None if self.at("]") else self.expression(0)
            self.expect("]")
            return syntax.Slice(node, start, end)
        self.expect("]")
        if start is None:
            raise self.error()
        return syntax.Member(node, start, is_optional)


def parse(source: str, builtins: frozenset[str]) -> Parsed:
    """The syntax tree of `source`; names in `builtins` are the language's functions.

    Raises:
        ExpressionError: It does not parse; `position` says where.
    """
    parser = _Parser(source, builtins, tokens(source))
    tree = parser.sequence()
    if parser.token.kind != "end":
        raise parser.error()
    return Parsed(tree, parser.slots)

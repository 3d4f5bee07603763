"""Which nodes a node field selector means: Kubernetes' field-selector syntax over what users see of a node.

Source: argo-semantics 13.1; Kubernetes' field selectors (`=`, `==`, `!=`, a comma for "and", backslash escapes).
"""

import re
from collections.abc import Callable

import msgspec

from tiphys.errors import SpecError
from tiphys.model.parse import nearest
from tiphys.model.status import NodeStatus
from tiphys.model.workflow import Workflow

_TERM = re.compile(r"\s*(?P<field>[^=!,\\\s]+)\s*(?P<sign>==|!=|=)(?P<value>(?:\\.|[^\\,=!])*)")
_INPUT = re.compile(r"inputs\.parameters\.(?P<name>.+)\.value")
_FIELDS: dict[str, Callable[[NodeStatus], str]] = {
    "displayName": lambda node: node.display_name,
    "templateName": lambda node: node.executed_template,
    "phase": lambda node: node.phase,
    "name": lambda node: node.name,
    "id": lambda node: node.id,
    "templateRef.name": lambda node: node.template_ref.name if node.template_ref else "",
    "templateRef.template": lambda node: node.template_ref.template if node.template_ref else "",
}


class Term(msgspec.Struct, frozen=True):
    """One comparison: a field, whether it must be the value or must not, and the value."""

    field: str
    is_equal: bool
    value: str

    def matches(self, node: NodeStatus) -> bool:
        """Whether the node fulfils it."""
        found = _INPUT.fullmatch(self.field)
        own = _input(node, found.group("name")) if found else _FIELDS[self.field](node)
        return (own == self.value) is self.is_equal


def _input(node: NodeStatus, name: str) -> str:
    parameters = node.inputs.parameters if node.inputs else ()
    return next((parameter.value or "" for parameter in parameters if parameter.name == name), "")


def parse_selector(text: str) -> tuple[Term, ...]:
    """The comparisons of a selector; none for an empty one.

    Raises:
        SpecError: It does not parse, or names a field that nodes do not have.
    """
    if not text.strip():
        return ()
    terms, place = [], 0
    while True:
        found = _TERM.match(text, place)
        if found is None:
            raise SpecError(f"unable to parse node field selector '{text}': invalid selector: {text[place:]!r}")
        terms.append(_term(found))
        place = found.end()
        if place == len(text):
            return tuple(terms)
        if text[place] != ",":
            raise SpecError(f"unable to parse node field selector '{text}': invalid selector: {text[place:]!r}")
        place += 1


def _term(found: "re.Match[str]") -> Term:
    field = found.group("field")
    if field not in _FIELDS and not _INPUT.fullmatch(field):
        known = [*_FIELDS, "inputs.parameters.<name>.value"]
        raise SpecError(f"node field selector: no field '{field}'{nearest(field, known)}", hint=f"fields: {', '.join(known)}")
    return Term(field, found.group("sign") != "!=", re.sub(r"\\(.)", r"\1", found.group("value").strip()))


def selected(workflow: Workflow, selector: str) -> list[NodeStatus]:
    """The nodes that a selector means; none for an empty one.

    Raises:
        SpecError: See `parse_selector`.
    """
    terms = parse_selector(selector)
    if not terms:
        return []
    return [node for node in workflow.status.nodes.values() if all(term.matches(node) for term in terms)]

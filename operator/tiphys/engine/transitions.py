"""The one table of legal phase changes of a node. Anything else is our bug and changes nothing.

Source: argo-semantics 3.4 (initial phases), 3.6 (phases).
"""

from tiphys.errors import IllegalTransition
from tiphys.model.phases import ERROR, FAILED, OMITTED, PENDING, RUNNING, SKIPPED, SUCCEEDED

_NEXT = {
    "": frozenset({PENDING, RUNNING, SUCCEEDED, SKIPPED, ERROR, OMITTED}),
    PENDING: frozenset({PENDING, RUNNING, SUCCEEDED, FAILED, ERROR}),
    RUNNING: frozenset({RUNNING, SUCCEEDED, FAILED, ERROR}),
    SUCCEEDED: frozenset({SUCCEEDED}),
    SKIPPED: frozenset({SKIPPED}),
    FAILED: frozenset({FAILED}),
    ERROR: frozenset({ERROR}),
    OMITTED: frozenset({OMITTED}),
}


def arrows() -> frozenset[tuple[str, str]]:
    """Every change of phase that the table allows, as before and after."""
    return frozenset((before, after) for before, nexts in _NEXT.items() for after in nexts if after != before)


def check_transition(node_name: str, before: str, after: str) -> None:
    """Return when a node may go from phase `before` ("" for a new node) to `after`.

    Raises:
        IllegalTransition: It may not.
    """
    if after not in _NEXT.get(before, ()):
        raise IllegalTransition(f"node {node_name}: {before or 'new'} cannot become {after or 'nothing'}")

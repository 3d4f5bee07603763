"""One call of a template: who called it, with what, and where its node hangs."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from tiphys.engine.templates import Found
from tiphys.model.arguments import Arguments


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A call, before anything of the template is substituted.

    Attributes:
        name: Name of the node it becomes.
        found: The template.
        arguments: Resolved: their values are data.
        boundary_id: Id of the Steps or DAG node that owns it; empty for the entry point and workflow-level handlers.
        container: Id of the node that contains it, for progress (`totals.ROOT` for the workflow).
        attach_to: Ids of the nodes it follows in the graph.
        local: Variables of this call alone (`steps.name`, `retries`, ...).
        is_hook: A lifecycle hook or exit handler.
        is_attempt: An attempt of a Retry node.
        is_exit: Part of an exit handler: runs on when the workflow is stopped.
        wants_result: The calling template reads `outputs.result`.
        depth: Number of templates around it.
        avoid_hosts: Where attempts failed, of this call or of one around it.
        deadline: When the time of all attempts is over, of this call or of one around it; None for never.
    """

    name: str
    found: Found
    arguments: Arguments = Arguments()
    boundary_id: str = ""
    container: str = ""
    attach_to: tuple[str, ...] = ()
    local: Mapping[str, object] = {}
    is_hook: bool = False
    is_attempt: bool = False
    is_exit: bool = False
    wants_result: bool = False
    depth: int = 0
    avoid_hosts: tuple[str, ...] = ()
    deadline: datetime | None = None

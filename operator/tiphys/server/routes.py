"""All operations of the API."""

from collections.abc import Awaitable, Callable
from typing import Any

from tiphys.server import archived, fixed, objects, submitting, workflows
from tiphys.server.call import Call

Handler = Callable[[Call], Awaitable[Any]]
OPERATIONS: tuple[tuple[str, str, Handler], ...] = (
    *fixed.ROUTES,
    *submitting.ROUTES,
    *workflows.ROUTES,
    *archived.ROUTES,
    *objects.ROUTES,
)
"""Method, path and handler of everything that is asked with somebody's rights."""
STREAMS: frozenset[Handler] = workflows.STREAMS
"""Who answers as it comes: the caller's connection stays open until the end."""

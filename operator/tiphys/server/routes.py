"""All operations of the API."""

from collections.abc import Awaitable, Callable
from typing import Any

from tiphys.server import archived, beside, dispatching, files, fixed, logs, objects, submitting, syncing, uploading, workflows
from tiphys.server.call import Call

Handler = Callable[[Call], Awaitable[Any]]
OPERATIONS: tuple[tuple[str, str, Handler], ...] = (
    *fixed.ROUTES,
    *submitting.ROUTES,
    *logs.ROUTES,
    *workflows.ROUTES,
    *archived.ROUTES,
    *objects.ROUTES,
    *dispatching.ROUTES,
    *beside.ROUTES,
    *syncing.ROUTES,
    *files.ROUTES,
    *uploading.ROUTES,
)
"""Method, path and handler of everything that is asked with somebody's rights."""
STREAMS: frozenset[Handler] = workflows.STREAMS | logs.STREAMS | files.STREAMS | beside.STREAMS
"""Who answers as it comes: the caller's connection stays open until the end."""
HELD: frozenset[Handler] = workflows.HELD
"""Who needs the caller's connection until all of the answer is written, and is no stream."""
RAW: frozenset[Handler] = uploading.RAW
"""Who reads the body in parts."""

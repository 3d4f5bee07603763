"""`/metrics`: the server's numbers, for whom the cluster knows.

Source: rest-and-clients 1.1, `GET /metrics`.
"""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from tiphys.errors import OutsideError, TiphysError
from tiphys.server.measures import ServerMetrics
from tiphys.server.subject import Asked, Gate
from tiphys.telemetry.exposition import CONTENT_TYPE


def metrics_of(gate: Gate, metrics: ServerMetrics, *, is_open: bool = False) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint; `is_open` shows the numbers to anybody (ARGO_SERVER_METRICS_AUTH=false)."""

    async def show(request: Request) -> Response:
        try:
            if not is_open:
                caller = await gate.admit(Asked.of(request.method, request.headers))
                async with caller.api:
                    await caller.prove()
        except OutsideError as e:
            return Response(status_code=503 if e.code == "unavailable" else 403)
        except TiphysError:
            return Response(status_code=403)
        return Response(metrics.text(), media_type=CONTENT_TYPE)

    return show

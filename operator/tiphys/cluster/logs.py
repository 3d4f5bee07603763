"""What containers printed."""

from collections.abc import AsyncIterator
from datetime import datetime

from tiphys.cluster.api import Api, path_of


class PodLogs:
    """Logs by way of the API server."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def tail(self, namespace: str, pod: str, container: str, *, limit_bytes: int) -> bytes:
        """The last `limit_bytes` of the container's log."""
        # the server's own limitBytes cuts the end off, so lines are counted instead: none of a record is longer than 12,001 bytes
        query = {"container": container, "tailLines": str(limit_bytes // 12_000 + 4)}
        return await self._api.call("GET", "Pod", path_of("Pod", namespace, pod) + "/log", query=query, accept="*/*")

    async def follow(
        self, namespace: str, pod: str, container: str, *, since: datetime | None = None, follow: bool = True
    ) -> AsyncIterator[bytes]:
        """Lines with their ends, until the container ends; without `follow`, those that are there."""
        query = {"container": container, **({"follow": "true"} if follow else {})}
        if since is not None:
            query["sinceTime"] = since.strftime("%Y-%m-%dT%H:%M:%SZ")
        rest = b""
        async for chunk in self._api.stream(path_of("Pod", namespace, pod) + "/log", query):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                yield line + b"\n"
        if rest:
            yield rest

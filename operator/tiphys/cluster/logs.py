"""What containers printed."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import msgspec

from tiphys.cluster.api import Api, path_of

_LONGEST = 2**18
"""What is read of a line before it is handed on: containers may print without end, and without an end of line."""


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Which lines of a log.

    Attributes:
        tail: The last so many; None for all.
        since: Not those printed before.
        since_seconds: Not those printed longer ago; 0 for all.
        previous: Those of the container's life before this one.
        timestamps: Each line with its time before it.
        limit_bytes: No more than so many; 0 for all.
    """

    tail: int | None = None
    since: datetime | None = None
    since_seconds: int = 0
    previous: bool = False
    timestamps: bool = False
    limit_bytes: int = 0

    def query(self) -> dict[str, str]:
        """As the API server takes it."""
        said = {
            "tailLines": "" if self.tail is None else str(self.tail),
            "sinceTime": self.since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if self.since else "",
            "sinceSeconds": str(self.since_seconds or ""),
            "previous": "true" if self.previous else "",
            "timestamps": "true" if self.timestamps else "",
            "limitBytes": str(self.limit_bytes or ""),
        }
        return {name: text for name, text in said.items() if text}


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
        self, namespace: str, pod: str, container: str, *, follow: bool = True, window: Window | None = None
    ) -> AsyncIterator[bytes]:
        """Lines with their ends, until the container ends; without `follow`, those that are there.

        A line that is longer than 256 KiB comes in parts, of which the last has the end.
        """
        query = {"container": container, **({"follow": "true"} if follow else {}), **(window.query() if window else {})}
        rest = b""
        async for chunk in self._api.stream(path_of("Pod", namespace, pod) + "/log", query):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                yield line + b"\n"
            if len(rest) > _LONGEST:
                yield rest
                rest = b""
        if rest:
            yield rest

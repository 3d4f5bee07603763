"""Single requests by the standard library, for commands that end at once: to import a client for thousands would cost more."""

import http.client
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from tiphys.cluster.api import Answer, Api, retry_after
from tiphys.cluster.connection import Access, ssl_context
from tiphys.errors import Unavailable


class PlainApi(Api):
    """Calls one after another; each blocks whatever else the process does."""

    def __init__(self, access: Access) -> None:
        super().__init__(access)
        self._connection: http.client.HTTPConnection | None = None

    async def __aexit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()
        await super().__aexit__()

    async def _send(  # type: ignore[override]
        self, verb: str, path: str, *, data: bytes | None, params: Mapping[str, str] | None, headers: Mapping[str, str]
    ) -> Answer:
        if self.access.proxy or self.access.tls_server_name:
            return await super()._send(verb, path, data=data, params=params, headers=headers)
        target = path + (f"?{urlencode(params)}" if params else "")
        try:
            connection = self._connected()
            connection.request(verb, self._prefix + target, body=data, headers={**dict(self.access.headers), **headers})
            answer = connection.getresponse()
            return Answer(answer.status, answer.read(), retry_after(dict(answer.headers)))
        except (OSError, http.client.HTTPException) as e:
            raise Unavailable(f"no answer from {self.access.server}: {e or type(e).__name__}") from e

    @property
    def _prefix(self) -> str:
        return urlsplit(self.access.server).path.rstrip("/")

    def _connected(self) -> http.client.HTTPConnection:
        if self._connection is None:
            address = urlsplit(self.access.server)
            host: dict[str, Any] = {"host": str(address.hostname), "port": address.port, "timeout": self.access.timeout or None}
            context = ssl_context(self.access)
            if isinstance(context, ssl.SSLContext):
                self._connection = http.client.HTTPSConnection(**host, context=context)
            else:
                self._connection = http.client.HTTPConnection(**host)
        return self._connection

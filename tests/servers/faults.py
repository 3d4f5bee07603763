"""A proxy before a store, which does to chosen requests what networks and stores do on bad days."""

import http.client
import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from tests.servers.serving import serving

_HOP = {"connection", "transfer-encoding", "content-length", "date", "server"}


class Fault(NamedTuple):
    """What happens to the first `times` requests whose method is `method` and whose path has `part` in it.

    `body` is answered with `status`, and `headers`, without the store being asked (`at` "request"), or after it has done what it was asked
    for ("answer"). Without a status the connection is reset: after a part of what is sent was taken, or a part of the answer was given.
    """

    method: str
    part: str = ""
    status: int = 0
    body: str = ""
    at: str = "request"
    times: int = 1
    headers: tuple[tuple[str, str], ...] = ()


def said(code: str, message: str = "as it is") -> str:
    """An error as S3 says it."""
    return f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{message}</Message><RequestId>1</RequestId></Error>'


class Faulty(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, host: str, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind, self.lock = (host, port), threading.Lock()
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str]] = []
        self.met: list[Fault] = []

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def handle_error(self, *_: object) -> None:
        """Connections that were reset end so."""

    def admits(self, _request: BaseHTTPRequestHandler) -> bool:
        """Whether the store is asked; headers that it is not to see may be taken away."""
        return True

    def next_fault(self, method: str, path: str) -> Fault | None:
        with self.lock:
            self.requests.append((method, path))
            for place, fault in enumerate(self.faults):
                if fault.method == method and fault.part in path:
                    self.faults[place : place + 1] = [fault._replace(times=fault.times - 1)] if fault.times > 1 else []
                    self.met.append(fault)
                    return fault
        return None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Faulty

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def handle_any(self) -> None:
        fault, size = self.server.next_fault(self.command, self.path), int(self.headers.get("Content-Length", 0))
        if fault is not None and not fault.status and fault.at == "request":
            self.rfile.read(size // 2)
            self._reset()
            return
        body = self.rfile.read(size)
        if not self.server.admits(self):
            self._answer(401, {}, said("AuthenticationRequired").encode())
            return
        if fault is not None and fault.status and fault.at == "request":
            self._answer(fault.status, dict(fault.headers), fault.body.encode())
            return
        connection = http.client.HTTPConnection(*self.server.behind, timeout=60)
        try:
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if fault is not None and fault.status:
            self._answer(fault.status, dict(fault.headers), fault.body.encode())
            return
        headers = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP}
        headers["Content-Length"] = answer.headers.get("Content-Length", str(len(content)))
        cut = len(content) // 2 if fault is not None else len(content)
        self._answer(answer.status, headers, content[:cut])
        if fault is not None:
            self._reset()

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any  # noqa: N815

    def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response_only(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _reset(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(self.connection.detach())  # files of the socket would keep it open


@contextmanager
def faulty(host: str, port: int, kind: type[Faulty] = Faulty) -> Iterator[Faulty]:
    with serving(kind(host, port)) as server:
        yield server

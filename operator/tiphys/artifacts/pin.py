"""A way out for clients that cannot look where they connect: a proxy on this machine that looks for them.

The library of object stores resolves names itself. Where a server asks for somebody, it is given this proxy: each connection goes
to an address that was looked at, and the name is not resolved again. What is said through it is not read, but for the first line.

The library follows redirects, too, and takes along what it does not know for credentials: tokens of sessions, and keys that
objects are encrypted with. Where there are such, it is given a proxy that leads to the artifact's own store only.
"""

import os
import socket
import socketserver
import threading
from contextlib import suppress
from functools import cache
from urllib.parse import urlsplit

from tiphys.artifacts.guard import addresses_of
from tiphys.errors import TiphysError

_HEAD = 64 * 1024
_PIECE = 256 * 1024
_SECONDS = 10
"""Until a connection is there, and until it has said where to."""
_IDENTITY = frozenset({"169.254.169.254", "metadata.google.internal", "169.254.170.2", "169.254.170.23"})
"""Where this server itself is told who it is. No artifact lies there: that is looked at before its store is opened."""
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")


@cache
def proxy_url(only: str = "", *, looks: bool = True) -> str:
    """Where a proxy of this process listens; empty where the environment names another one, which resolves names itself.

    Args:
        only: The one `host:port` that it leads to; empty is any.
        looks: Whether it looks at addresses, as servers do.
    """
    if any(os.environ.get(name) or os.environ.get(name.upper()) for name in _PROXIES):
        return ""
    server = _Server(("127.0.0.1", 0), _Connection)
    server.only, server.looks = only, looks
    threading.Thread(target=server.serve_forever, name="pin", daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}"


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 64
    only = ""
    looks = True


class _Connection(socketserver.BaseRequestHandler):
    """One connection: the first request says where to, and all that follows goes there."""

    request: socket.socket
    server: _Server

    def handle(self) -> None:
        """Bring both sides together until one of them is done."""
        self.request.settimeout(_SECONDS)
        try:
            head, rest = self._head()
            method, target, version = head.split(b"\r\n", 1)[0].decode("ascii").split(" ")
            host, port, first = _where(method, target, version, head)
        except (OSError, ValueError):
            self._refuse("400 Bad Request")
            return
        if self.server.only and f"{host}:{port}" != self.server.only:
            self._refuse("403 Forbidden", f"the store sends on to {host}:{port}, which is not the artifact's")
            return
        try:
            is_plain = host in _IDENTITY or not self.server.looks
            addresses = [host] if is_plain else addresses_of(host, port)
            other = _connected(addresses, port)
        except TiphysError:
            self._refuse("403 Forbidden")
            return
        except OSError:
            self._refuse("502 Bad Gateway")
            return
        self.request.settimeout(None)  # how long an answer may take is for the client to say, who ends the connection then
        with other, suppress(OSError):
            if first:
                other.sendall(first + rest)
            else:
                self.request.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                other.sendall(rest)
            _join(self.request, other)

    def _head(self) -> tuple[bytes, bytes]:
        """The first request's head, and what came with it."""
        found = b""
        while b"\r\n\r\n" not in found:
            part = self.request.recv(_HEAD)
            if not part or len(found) > _HEAD:
                raise ValueError("no head")
            found += part
        head, _, rest = found.partition(b"\r\n\r\n")
        return head, rest

    def _refuse(self, status: str, reason: str = "") -> None:
        body = f"<Error><Code>AccessDenied</Code><Message>{reason}</Message></Error>" if reason else ""
        with suppress(OSError):
            self.request.sendall(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())


def _where(method: str, target: str, version: str, head: bytes) -> tuple[str, int, bytes]:
    """Host and port, and what the other side hears first; nothing for a tunnel."""
    if method == "CONNECT":
        parts = urlsplit(f"//{target}")
        return parts.hostname or "", parts.port or 443, b""
    parts = urlsplit(target)
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError("no http URL")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = head.split(b"\r\n")[1:]
    return parts.hostname, parts.port or 80, b"\r\n".join((f"{method} {path} {version}".encode(), *lines, b"", b""))


def _connected(addresses: list[str], port: int) -> socket.socket:
    """The first of the addresses that answers."""
    for place, address in enumerate(addresses):
        try:
            other = socket.create_connection((address, port), _SECONDS)
        except OSError:
            if place == len(addresses) - 1:
                raise
            continue
        other.settimeout(None)
        return other
    raise OSError("nobody there")


def _join(one: socket.socket, other: socket.socket) -> None:
    """Carry both ways until the first has gone; when the other has said all, the first hears so, and goes."""
    back = threading.Thread(target=_carry, args=(other, one), daemon=True)
    back.start()
    _carry(one, other)
    with suppress(OSError):
        other.shutdown(socket.SHUT_RDWR)
    back.join()


def _carry(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while part := source.recv(_PIECE):
            target.sendall(part)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)

"""Addresses that are not asked for somebody else: those of the machine that asks, and where machines tell who they are.

An executor asks for its own workflow, from its own pod, and may ask what that pod may. A server asks for everybody.
"""

import http.client
import ipaddress
import os
import re
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit

from tiphys.errors import Forbidden, SpecError, Unavailable

_PLAIN = re.compile(r"(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:(?P<port>[0-9]{1,5}))?")
_IS_ON = ContextVar("guarded", default=False)


@contextmanager
def guarded() -> Iterator[None]:
    """Clients that are made meanwhile connect to no such address, whatever a name means and wherever they are redirected."""
    token = _IS_ON.set(True)
    try:
        yield
    finally:
        _IS_ON.reset(token)


def is_guarded() -> bool:
    """Whether a client made now is to look where it connects."""
    return _IS_ON.get()


def is_own(host: str) -> bool:
    """Whether an address, not a name, is one of those; loopback is where the pod of who asks may hold more than the asker."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    is_near = (address.is_loopback or address.is_unspecified) and "KUBERNETES_SERVICE_HOST" in os.environ
    return address.is_link_local or address.is_multicast or is_near


def addresses_of(host: str, port: int) -> list[str]:
    """The addresses that a name means, for who connects by one of them and asks nobody again.

    Raises:
        Forbidden: One of them is not asked for somebody else.
        Unavailable: It means nothing.
    """
    try:
        found = [str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError) as e:
        raise Unavailable(f"{host}: {e}") from e
    for address in found:
        if is_own(address):
            raise Forbidden(f"artifacts at {host} are not served")
    return list(dict.fromkeys(found))


def look_at(url: str) -> None:
    """Return if a client that cannot look where it connects may be given this URL; nothing where nobody is guarded.

    A name may mean another address a moment later, for who owns it: `artifacts/pin.py` looks at each connection.

    Raises:
        SpecError: It is no plain one.
        Forbidden: It is not asked for somebody else.
        Unavailable: It means nothing.
    """
    if not is_guarded():
        return
    parts = urlsplit(url)
    found = _PLAIN.fullmatch(parts.netloc)
    if found is None:  # two readers of anything else may find two hosts in it
        raise SpecError(f"{parts.netloc!r} is no plain host")
    addresses_of(found["host"].strip("[]"), int(found["port"] or 443))


def _look(connection: http.client.HTTPConnection) -> None:
    host = str(connection.sock.getpeername()[0])
    if is_own(host):
        connection.close()
        raise Forbidden(f"artifacts at {host} are not served")


class _Plain(http.client.HTTPConnection):
    def connect(self) -> None:
        super().connect()
        _look(self)


class _Encrypted(http.client.HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        _look(self)


class GuardedHTTP(urllib.request.HTTPHandler):
    """Looks where it is connected before it says anything."""

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        """The answer."""
        return self.do_open(_Plain, req)


class GuardedHTTPS(urllib.request.HTTPSHandler):
    """The same, encrypted."""

    _context: Any

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        """The answer."""
        return self.do_open(_Encrypted, req, context=self._context)

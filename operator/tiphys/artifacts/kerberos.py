"""Signing in at a web server by Kerberos (SPNEGO), with MIT Kerberos' own library, which comes with git in the image.

It is called as it is: what Python has of packages for it must be compiled on each machine. What the library remembers is kept in
memory, or in files that only this process may read.
Source: RFC 4559, RFC 2744; MIT Kerberos, "GSSAPI", "krb5.conf".
"""

import base64
import ctypes
import itertools
import os
import shutil
import threading
import weakref
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_uint32, c_void_p
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, ClassVar, NamedTuple

from tiphys.errors import Forbidden, SpecError

_LIBRARY = "libgssapi_krb5.so.2"
_KERBEROS = b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"
_SPNEGO = b"\x2b\x06\x01\x05\x05\x02"
_HOST_SERVICE = b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x01\x04"
_PRINCIPAL = b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x01"
_INITIATE, _ERRORS = 1, 0xFFFF0000
_GENERAL, _MECHANISM = 1, 2
_environment = threading.Lock()
"""The library reads where its settings are from the environment, which all of a process share."""
_numbers = itertools.count()


class Ticket(NamedTuple):
    """What somebody signs in with: a keytab and whose it is, or a cache of tickets; and his realm, as in `krb5.conf`."""

    config: bytes
    principal: str = ""
    keytab: bytes = b""
    cache: bytes = b""


class _Oid(ctypes.Structure):
    _fields_: ClassVar = [("length", c_uint32), ("elements", c_char_p)]


class _Oids(ctypes.Structure):
    _fields_: ClassVar = [("count", c_size_t), ("elements", POINTER(_Oid))]


class _Buffer(ctypes.Structure):
    _fields_: ClassVar = [("length", c_size_t), ("value", c_void_p)]


class _Pair(ctypes.Structure):
    _fields_: ClassVar = [("key", c_char_p), ("value", c_char_p)]


class _Pairs(ctypes.Structure):
    _fields_: ClassVar = [("count", c_uint32), ("elements", POINTER(_Pair))]


def _oid(content: bytes) -> _Oid:
    return _Oid(len(content), content)


class Negotiator:
    """Gives the header that signs in at a host.

    Args:
        ticket: With what.

    Raises:
        SpecError: The library is not on this machine.
    """

    def __init__(self, ticket: Ticket) -> None:
        try:
            self._library = ctypes.CDLL(_LIBRARY)
        except OSError as e:
            raise SpecError(f"Kerberos needs {_LIBRARY}, which is not here", path="hdfs") from e
        self._folder = Path(mkdtemp(prefix="tiphys-kerberos-"))  # for its owner alone
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._config = self._file("krb5.conf", ticket.config)
        self._principal = ticket.principal
        if ticket.keytab:
            keytab, cache = self._file("keytab", ticket.keytab), f"MEMORY:tiphys-{next(_numbers)}"
            self._store = {b"client_keytab": keytab.encode(), b"ccache": cache.encode()}
        else:
            self._store = {b"ccache": f"FILE:{self._file('ccache', ticket.cache)}".encode()}

    def _file(self, name: str, content: bytes) -> str:
        path = self._folder / name
        path.write_bytes(content)
        return str(path)

    def header(self, service: str) -> dict[str, str]:
        """The header for a service, as `HTTP@namenode.example.com`.

        Raises:
            Forbidden: There is no ticket for it.
        """
        with _environment:
            before = os.environ.get("KRB5_CONFIG")
            os.environ["KRB5_CONFIG"] = self._config
            try:
                token = self._token(service)
            except Forbidden as e:
                who = self._principal or "the owner of the cache"
                raise Forbidden(f"Kerberos gives {who} no ticket for {service}: {e.message}") from e
            finally:
                os.environ.pop("KRB5_CONFIG")
                if before is not None:
                    os.environ["KRB5_CONFIG"] = before
        return {"Authorization": f"Negotiate {base64.b64encode(token).decode()}"}

    def _token(self, service: str) -> bytes:
        credentials, context, made = c_void_p(), c_void_p(), _Buffer()
        own = self._name(self._principal, _PRINCIPAL) if self._principal else None
        target = self._name(service, _HOST_SERVICE)
        minor, oid = c_uint32(), _oid(_SPNEGO)
        try:
            self._acquire(own, credentials)
            self._call(
                "gss_init_sec_context", credentials, byref(context), target, byref(oid), c_uint32(0), c_uint32(0), None, None,
                None, byref(made), None, None,
            )  # fmt: skip
            return ctypes.string_at(made.value, made.length)
        finally:
            self._library.gss_release_buffer(byref(minor), byref(made))
            if context:
                self._library.gss_delete_sec_context(byref(minor), byref(context), None)
            if credentials:
                self._library.gss_release_cred(byref(minor), byref(credentials))
            for name in (own, target):
                if name is not None:
                    self._library.gss_release_name(byref(minor), byref(name))

    def _acquire(self, own: c_void_p | None, credentials: c_void_p) -> None:
        try:
            self._acquire_for(_SPNEGO, own, credentials)
        except Forbidden:  # it says only that there is nothing to negotiate with; Kerberos itself says why
            self._acquire_for(_KERBEROS, own, credentials)
            raise

    def _acquire_for(self, mechanism: bytes, own: c_void_p | None, credentials: c_void_p) -> None:
        pairs = (_Pair * len(self._store))(*(_Pair(key, value) for key, value in self._store.items()))
        store, oid = _Pairs(len(pairs), pairs), _oid(mechanism)
        wanted = byref(_Oids(1, ctypes.pointer(oid)))
        made = byref(credentials)
        self._call("gss_acquire_cred_from", own, c_uint32(0), wanted, c_int(_INITIATE), byref(store), made, None, None)

    def _name(self, text: str, kind: bytes) -> c_void_p:
        name, content, oid = c_void_p(), text.encode(), _oid(kind)
        held = ctypes.create_string_buffer(content)
        self._call("gss_import_name", byref(_Buffer(len(content), ctypes.addressof(held))), byref(oid), byref(name))
        return name

    def _call(self, function: str, *arguments: Any) -> None:
        minor, work = c_uint32(), getattr(self._library, function)
        work.restype = c_uint32
        status = work(byref(minor), *arguments)
        if status & _ERRORS:
            said = self._status(minor.value, _MECHANISM) or self._status(status, _GENERAL)
            raise Forbidden(said)

    def _status(self, code: int, kind: int) -> str:
        minor, more, text = c_uint32(), c_uint32(), _Buffer()
        self._library.gss_display_status(byref(minor), c_uint32(code), c_int(kind), None, byref(more), byref(text))
        said = ctypes.string_at(text.value, text.length).decode(errors="replace").strip("\0") if text.value else ""
        self._library.gss_release_buffer(byref(minor), byref(text))
        return said

"""Files in HDFS, by WebHDFS: the HTTP interface of the name nodes.

Kerberos is by SPNEGO at the name nodes; what they answer with opens the data nodes.
Differs from Argo: Argo speaks the RPC protocol of the name nodes; here an address with an RPC port (8020, 9000) is taken for
the same host's HTTP port 9870, and a service principal of that protocol for `HTTP/<host>`. What protects data is https.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, urlencode

import msgspec

from tiphys.artifacts.folder import Folder
from tiphys.artifacts.secrets import SecretReader
from tiphys.artifacts.tickets import SignIn, ticket_of
from tiphys.artifacts.web import Client, shown, split_user
from tiphys.errors import Forbidden, InvalidManifest, NotFound, OutsideError, SpecError
from tiphys.model.base import UNREADABLE
from tiphys.model.locations import HDFSArtifact

T = TypeVar("T")
_RPC_PORTS = ("8020", "9000")


class _Where(msgspec.Struct):
    Location: str


class _Status(msgspec.Struct):
    type: str = ""
    pathSuffix: str = ""  # noqa: N815 theirs


class _One(msgspec.Struct):
    FileStatus: _Status


class _Many(msgspec.Struct):
    FileStatus: list[_Status]


class _Listing(msgspec.Struct):
    FileStatuses: _Many


class HDFSDriver:
    """Artifacts in one HDFS."""

    def __init__(self, place: HDFSArtifact, secrets: SecretReader) -> None:
        if not place.addresses:
            raise SpecError("is required", path="hdfs.addresses")
        ticket = ticket_of(place, secrets)
        if not place.hdfs_user and ticket is None:
            raise SpecError("is required, or krbCCacheSecret or krbKeytabSecret", path="hdfs.hdfsUser")
        self._servers = [_http(address) for address in place.addresses]
        self._is_protected = place.data_transfer_protection in ("integrity", "privacy")
        if self._is_protected and not all(server.startswith("https://") for server in self._servers):
            raise SpecError(
                f"{place.data_transfer_protection!r} needs addresses that begin with https://", path="hdfs.dataTransferProtection"
            )
        self._sign_in = None if ticket is None else SignIn(ticket, place.krb_service_principal_name)
        self._user = {} if ticket is not None else {"user.name": place.hdfs_user}
        self._force = bool(place.force)
        self._client = Client()

    def _read(self, method: str, server: str, path: str, operation: str, **options: str) -> bytes:
        """What a name node answers."""
        query = urlencode({"op": operation, **self._user, **options})
        headers = self._sign_in.headers(server) if self._sign_in is not None else {}
        return self._client.read(method, f"{server}/webhdfs/v1/{quote(path.strip('/'))}?{query}", headers)

    def _at_data_node(self, answer: bytes) -> tuple[str, dict[str, str]]:
        """Where a name node sends us, and what signs in there: the address itself, unless it is that of a name node.

        Raises:
            InvalidManifest: It says nothing, or the data would go there unprotected.
        """
        url = _location(answer)
        if self._is_protected and not url.startswith("https://"):
            raise InvalidManifest(f"{shown(url)} is not https, and dataTransferProtection asks for it")
        server = url.partition("/webhdfs/")[0]
        return url, self._sign_in.headers(server) if self._sign_in is not None and server in self._servers else {}

    def _ask(self, work: Callable[[str], T]) -> T:
        """The answer of the first name node that is the active one."""
        for server in self._servers[:-1]:
            try:
                return work(server)
            except (OutsideError, Forbidden):  # a name node in waiting answers 403
                continue
        return work(self._servers[-1])

    def _status(self, path: str) -> _Status:
        answer = self._ask(lambda server: self._read("GET", server, path, "GETFILESTATUS"))
        return msgspec.json.decode(answer, type=_One).FileStatus

    def load(self, key: str, target: Path) -> None:
        """The file, or the folder with all below it."""
        if not self.is_directory(key):
            with target.open("xb", buffering=0) as file:
                _write(file.fileno(), self.stream(key))
            return
        with Folder(target) as folder:
            for one in self.list(key):
                with folder.create(one.removeprefix(key.rstrip("/") + "/")) as file:
                    _write(file.fileno(), self.stream(one))

    def stream(self, key: str) -> Iterator[bytes]:
        """The file's content, from the data node that the name node names."""
        answer = self._ask(lambda server: self._read("GET", server, key, "OPEN", noredirect="true"))
        yield from self._client.stream(*self._at_data_node(answer))

    def save(self, key: str, content: Iterable[bytes], size: int = -1) -> None:
        """Written under another name and then renamed, so that it is seen whole."""
        part = f"{key}.tiphys-part"
        options = {"overwrite": "true", "noredirect": "true"}
        answer = self._ask(lambda server: self._read("PUT", server, part, "CREATE", **options))
        length = {"Content-Length": str(size)} if size >= 0 else {}
        url, headers = self._at_data_node(answer)
        self._client.read("PUT", url, {"Content-Type": "application/octet-stream", **length, **headers}, iter(content))
        if self._force:
            self.delete(key)
        there = f"/{key.strip('/')}"
        moved = self._ask(lambda server: self._read("PUT", server, part, "RENAME", destination=there))
        if b"true" not in moved:
            raise InvalidManifest(f"{there} exists", hint="set hdfs.force to replace it")

    def list(self, prefix: str) -> Iterator[str]:
        """Paths of the files below, depth first."""
        answer = self._ask(lambda server: self._read("GET", server, prefix, "LISTSTATUS"))
        for found in msgspec.json.decode(answer, type=_Listing).FileStatuses.FileStatus:
            path = f"{prefix.rstrip('/')}/{found.pathSuffix}" if found.pathSuffix else prefix
            if found.type == "DIRECTORY":
                yield from self.list(path)
            else:
                yield path

    def delete(self, key: str) -> None:
        """The file or folder."""
        self._ask(lambda server: self._read("DELETE", server, key, "DELETE", recursive="true"))

    def is_directory(self, key: str) -> bool:
        """What the name node says."""
        try:
            return self._status(key).type == "DIRECTORY"
        except NotFound:
            return False


def _http(address: str) -> str:
    if "://" in address:
        return split_user(address)[0].rstrip("/")
    host, _, port = address.rpartition(":")
    return f"http://{host or address}:{'9870' if not host or port in _RPC_PORTS else port}"


def _location(answer: bytes) -> str:
    try:
        return split_user(msgspec.json.decode(answer, type=_Where).Location)[0]
    except UNREADABLE as e:
        raise InvalidManifest("the name node names no data node") from e


def _write(file: int, parts: Iterable[bytes]) -> None:
    for part in parts:
        view = memoryview(part)
        while view:
            view = view[os.write(file, view) :]

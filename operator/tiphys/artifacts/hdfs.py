"""Files in HDFS, by WebHDFS: the HTTP interface of the name nodes.

Differs from Argo: Argo speaks the RPC protocol of the name nodes; here an address with an RPC port (8020, 9000) is taken for
the same host's HTTP port 9870. Kerberos is refused.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, urlencode

import msgspec

from tiphys.artifacts.folder import Folder
from tiphys.artifacts.secrets import SecretReader
from tiphys.artifacts.web import Client, split_user
from tiphys.errors import Forbidden, InvalidManifest, NotFound, OutsideError, SpecError
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

    def __init__(self, place: HDFSArtifact, _secrets: SecretReader) -> None:
        if place.krb_ccache_secret or place.krb_keytab_secret or place.krb_username:
            raise SpecError("Kerberos is not supported", path="hdfs")
        if not place.addresses:
            raise SpecError("is required", path="hdfs.addresses")
        if not place.hdfs_user:
            raise SpecError("is required", path="hdfs.hdfsUser")
        self._servers = [_http(address) for address in place.addresses]
        self._user = place.hdfs_user
        self._force = bool(place.force)
        self._client = Client()

    def _url(self, server: str, path: str, operation: str, **options: str) -> str:
        query = urlencode({"op": operation, "user.name": self._user, **options})
        return f"{server}/webhdfs/v1/{quote(path.strip('/'))}?{query}"

    def _ask(self, work: Callable[[str], T]) -> T:
        """The answer of the first name node that is the active one."""
        for server in self._servers[:-1]:
            try:
                return work(server)
            except (OutsideError, Forbidden):  # a name node in waiting answers 403
                continue
        return work(self._servers[-1])

    def _status(self, path: str) -> _Status:
        answer = self._ask(lambda server: self._client.read("GET", self._url(server, path, "GETFILESTATUS")))
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
        answer = self._ask(lambda server: self._client.read("GET", self._url(server, key, "OPEN", noredirect="true")))
        yield from self._client.stream(_location(answer))

    def save(self, key: str, content: Iterable[bytes], size: int = -1) -> None:
        """Written under another name and then renamed, so that it is seen whole."""
        part = f"{key}.tiphys-part"
        options = {"overwrite": "true", "noredirect": "true"}
        answer = self._ask(lambda server: self._client.read("PUT", self._url(server, part, "CREATE", **options)))
        length = {"Content-Length": str(size)} if size >= 0 else {}
        self._client.read("PUT", _location(answer), {"Content-Type": "application/octet-stream", **length}, iter(content))
        if self._force:
            self.delete(key)
        there = f"/{key.strip('/')}"
        moved = self._ask(lambda server: self._client.read("PUT", self._url(server, part, "RENAME", destination=there)))
        if b"true" not in moved:
            raise InvalidManifest(f"{there} exists", hint="set hdfs.force to replace it")

    def list(self, prefix: str) -> Iterator[str]:
        """Paths of the files below, depth first."""
        answer = self._ask(lambda server: self._client.read("GET", self._url(server, prefix, "LISTSTATUS")))
        for found in msgspec.json.decode(answer, type=_Listing).FileStatuses.FileStatus:
            path = f"{prefix.rstrip('/')}/{found.pathSuffix}" if found.pathSuffix else prefix
            if found.type == "DIRECTORY":
                yield from self.list(path)
            else:
                yield path

    def delete(self, key: str) -> None:
        """The file or folder."""
        self._ask(lambda server: self._client.read("DELETE", self._url(server, key, "DELETE", recursive="true")))

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
    except msgspec.DecodeError as e:
        raise InvalidManifest("the name node names no data node") from e


def _write(file: int, parts: Iterable[bytes]) -> None:
    for part in parts:
        view = memoryview(part)
        while view:
            view = view[os.write(file, view) :]

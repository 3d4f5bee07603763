"""Stores that a driver of somebody else knows: a program beside ours that listens on a socket in a folder that both see.

Source: argo-semantics 20.1, 4.3; features "plugin", "artifactDrivers".
Differs from Argo: what a driver says with a gRPC status is understood (NOT_FOUND, PERMISSION_DENIED, UNAVAILABLE); a driver that
cannot stream is asked for files in the shared folder.
"""

import os
import shutil
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import grpc

from tiphys.artifacts.folder import Folder
from tiphys.artifacts.protocol import METHODS, SERVICE, Message, decode, encode
from tiphys.artifacts.secrets import SecretReader
from tiphys.errors import Forbidden, InvalidManifest, NotFound, SpecError, TiphysError, Unavailable
from tiphys.model.drivers import DRIVER_FOLDER, SOCKET, is_driver_name
from tiphys.model.locations import PluginArtifact

_PART = 2 << 20
_START_SECONDS = 120.0
"""How long a driver may take until its socket is there, its image's download included."""
_POLL_SECONDS = 0.1
_CONNECT_SECONDS = 5
_MEANINGS: dict[Any, Callable[[str], TiphysError]] = {
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.PERMISSION_DENIED: Forbidden,
    grpc.StatusCode.UNAUTHENTICATED: Forbidden,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: Unavailable,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Unavailable,
    grpc.StatusCode.ABORTED: Unavailable,
}


class PluginDriver:
    """Artifacts of one driver, in the way that one artifact's configuration says."""

    def __init__(self, place: PluginArtifact, _secrets: SecretReader) -> None:
        if not is_driver_name(place.name):
            raise SpecError("is no name of a driver", path="plugin.name")
        self._place = place
        self._folder = Path(os.environ.get("TIPHYS_DRIVERS", DRIVER_FOLDER)) / place.name
        if not self._folder.is_dir():
            raise SpecError(f"no artifact driver {place.name!r} runs here", hint=f"it would listen on {self._folder / SOCKET}")
        self._open: grpc.Channel | None = None

    @property
    def _channel(self) -> grpc.Channel:
        if self._open is None:
            self._open = self._connected()
        return self._open

    def _connected(self) -> grpc.Channel:
        socket, until = self._folder / SOCKET, time.monotonic() + _START_SECONDS
        while not socket.exists():
            if time.monotonic() > until:
                raise Unavailable(f"artifact driver {self._place.name!r} does not listen on {socket}")
            time.sleep(_POLL_SECONDS)
        seconds = self._place.connection_timeout_seconds or _CONNECT_SECONDS
        until = time.monotonic() + seconds
        while not os.access(socket, os.R_OK | os.W_OK):
            if time.monotonic() > until:
                raise Forbidden(f"artifact driver {self._place.name!r} lets user {os.getuid()} not write to {socket}")
            time.sleep(_POLL_SECONDS)
        options = [("grpc.default_authority", "localhost"), ("grpc.enable_http_proxy", 0)]
        channel = grpc.insecure_channel(f"unix:{socket}", options)
        try:
            grpc.channel_ready_future(channel).result(seconds)
        except grpc.FutureTimeoutError as e:
            channel.close()
            raise Unavailable(f"artifact driver {self._place.name!r} does not answer on {socket}") from e
        return channel

    def _ask(self, method: str, **fields: Any) -> Message:
        """The answer; what it says of an error is raised."""
        call = self._channel.unary_unary(f"/{SERVICE}/{method}", partial(encode, METHODS[method][0]))
        with self._told(method):
            return self._checked(method, call(fields))

    def _checked(self, method: str, answer: bytes) -> Message:
        """What the bytes of an answer say; not gRPC takes them apart, which would only log that they are no message."""
        who = f"artifact driver {self._place.name!r}, {method}"
        try:
            fields = decode(METHODS[method][1], answer)
        except InvalidManifest as e:
            raise InvalidManifest(f"{who}: {e.message}") from e
        if not fields.get("success", True):
            raise InvalidManifest(f"{who}: {fields['error'] or 'no success'}")
        if fields.get("error"):
            raise InvalidManifest(f"{who}: {fields['error']}")
        return fields

    @contextmanager
    def _told(self, method: str) -> Iterator[None]:
        try:
            yield
        except grpc.RpcError as e:
            code = e.code() if isinstance(e, grpc.Call) else None
            said = (e.details() if isinstance(e, grpc.Call) else str(e)) or str(code)
            if code is grpc.StatusCode.UNIMPLEMENTED:
                raise _UnknownMethodError(f"artifact driver {self._place.name!r} has no {method}") from e
            raise _MEANINGS.get(code, InvalidManifest)(f"artifact driver {self._place.name!r}, {method}: {said}") from e

    def _artifact(self, key: str) -> Message:
        place = self._place
        seconds = max(place.connection_timeout_seconds or 0, 0)
        plugin = {"name": place.name, "configuration": place.configuration, "key": key, "connection_timeout_seconds": seconds}
        return {"name": key.rpartition("/")[2], "plugin": plugin}

    @contextmanager
    def _shared(self) -> Iterator[Path]:
        """A place in the folder that the driver sees too, and may write to whoever it runs as."""
        work = Path(mkdtemp(prefix="tiphys-", dir=self._folder))
        work.chmod(0o777)
        try:
            yield work / "artifact"
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def load(self, key: str, target: Path) -> None:
        """What the driver puts into the shared folder, taken from there without following a link."""
        with self._shared() as made:
            self._ask("Load", input_artifact=self._artifact(key), path=str(made))
            if made.is_dir() and not made.is_symlink():
                _copy_folder(made, target)
                return
            with target.open("xb", buffering=0) as file:
                _write(file.fileno(), _parts(made))

    def stream(self, key: str) -> Iterator[bytes]:
        """What the driver streams; a folder is not found."""
        if self.is_directory(key):
            raise NotFound(f"{key} is a folder")
        try:
            yield from self._streamed(key)
        except _UnknownMethodError:
            with self._shared() as made:
                self._ask("Load", input_artifact=self._artifact(key), path=str(made))
                yield from _parts(made)

    def _streamed(self, key: str) -> Iterator[bytes]:
        call = self._channel.unary_stream(f"/{SERVICE}/OpenStream", partial(encode, METHODS["OpenStream"][0]))
        with self._told("OpenStream"):
            answers = call({"artifact": self._artifact(key)})
            try:
                for answer in answers:
                    fields = self._checked("OpenStream", answer)
                    yield fields["data"]
                    if fields["is_end"]:
                        return
            finally:
                answers.cancel()

    def save(self, key: str, content: Iterable[bytes], _size: int = -1) -> None:
        """Streamed to a driver that says that it can; by a file in the shared folder otherwise."""
        if self._can_stream():
            self._save_stream(key, content)
            return
        with self._shared() as path:
            with path.open("wb", buffering=0) as file:
                _write(file.fileno(), content)
            path.chmod(0o644)
            self._ask("Save", path=str(path), output_artifact=self._artifact(key))

    def _can_stream(self) -> bool:
        try:
            return bool(self._ask("GetCapabilities")["supports_save_stream"])
        except _UnknownMethodError:
            return False

    def _save_stream(self, key: str, content: Iterable[bytes]) -> None:
        call = self._channel.stream_unary(f"/{SERVICE}/SaveStream", partial(encode, METHODS["SaveStream"][0]))
        broken: list[BaseException] = []

        def frames() -> Iterator[Message]:
            try:
                yield {"output_artifact": self._artifact(key)}
                for part in content:
                    for start in range(0, len(part), _PART):
                        yield {"chunk": part[start : start + _PART]}
            except GeneratorExit:
                raise  # the driver has answered before it had all: its answer says why
            except BaseException as e:
                broken.append(e)  # gRPC would only log it, and tell the driver that all has come
                raise

        try:
            with self._told("SaveStream"):
                self._checked("SaveStream", call(frames()))
        finally:
            if broken:
                raise broken[0]

    def list(self, prefix: str) -> Iterator[str]:
        """The keys that the driver names."""
        yield from self._ask("ListObjects", artifact=self._artifact(prefix))["objects"]

    def delete(self, key: str) -> None:
        """What the driver does for it; one that is not there is no error."""
        try:
            self._ask("Delete", artifact=self._artifact(key))
        except NotFound:
            return

    def is_directory(self, key: str) -> bool:
        """What the driver says; one that does not know has no folders."""
        try:
            return bool(self._ask("IsDirectory", artifact=self._artifact(key))["is_directory"])
        except (_UnknownMethodError, NotFound):
            return False


class _UnknownMethodError(InvalidManifest):
    """The driver has no such method."""


def _parts(path: Path) -> Iterator[bytes]:
    """The content of a file that another program made: no link, no device, nothing that waits."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as e:
        raise NotFound("the driver left no file") from e
    except OSError as e:
        raise InvalidManifest(f"what the driver left cannot be read: {e.strerror}") from e
    with open(descriptor, "rb", buffering=0) as file:  # noqa: PTH123 a descriptor
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise InvalidManifest("what the driver left is no file")
        while part := file.read(_PART):
            yield part


def _copy_folder(made: Path, target: Path) -> None:
    with Folder(target) as folder:
        for where, folders, files in os.walk(made, followlinks=False):
            below = Path(where).relative_to(made)
            for name in (*files, *folders):
                path, inside = Path(where) / name, str(below / name)
                if path.is_symlink():
                    folder.add_link(inside, str(path.readlink()))
                elif name in folders:
                    folder.add_folder(inside)
                else:
                    with folder.create(inside) as file:
                        _write(file.fileno(), _parts(path))


def _write(file: int, parts: Iterable[bytes]) -> None:
    for part in parts:
        view = memoryview(part)
        while view:
            view = view[os.write(file, view) :]

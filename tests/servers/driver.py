"""An artifact driver as somebody else would write one: a gRPC server on a socket, which keeps its files in a folder.

`python driver.py SOCKET`, as such a driver's image is started. It imports nothing of ours, and reads and writes messages byte by
byte from the protocol's field numbers, so that a wrong number on either side is seen.
Its configuration (JSON in `plugin.configuration`): `lists` false has no folders and streams nothing; `full` is a store that takes
nothing; `link` puts a link to that place where a file is asked for.
"""

import json
import os
import pathlib
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

Fields = dict[int, list[Any]]


def fields_of(message: bytes) -> Fields:
    """Number -> values: varints as numbers, the rest as bytes."""
    found: Fields = {}
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7

    while at < len(message):
        tag = varint()
        if tag & 7 == 0:
            found.setdefault(tag >> 3, []).append(varint())
            continue
        size = varint()
        found.setdefault(tag >> 3, []).append(message[at : at + size])
        at += size
    return found


def field(number: int, value: bytes | int) -> bytes:
    """One field of a message."""
    if isinstance(value, int):
        return bytes([number << 3, value])
    size, length = len(value), b""
    while size > 127:
        length, size = length + bytes([size & 127 | 128]), size >> 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + value


class Store:
    """Files below a folder, each at its key."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder

    def place(self, artifact: bytes) -> tuple[pathlib.Path, dict[str, Any]]:
        plugin = fields_of(fields_of(artifact)[5][0])
        configuration = json.loads(plugin.get(2, [b"{}"])[0] or b"{}")
        return self.folder / plugin[4][0].decode().strip("/"), configuration

    def load(self, request: Fields, context: grpc.ServicerContext) -> bytes:
        place, configuration = self.place(request[1][0])
        target = pathlib.Path(request[2][0].decode())
        if not place.exists():
            context.abort(grpc.StatusCode.NOT_FOUND, f"no such artifact: {place.name}")
        if configuration.get("link"):
            target.symlink_to(configuration["link"])
            return field(1, 1)
        if place.is_dir():
            shutil.copytree(place, target)
        else:
            shutil.copyfile(place, target)
        return field(1, 1)

    def open_stream(self, request: Fields, context: grpc.ServicerContext) -> Iterator[bytes]:
        place, configuration = self.place(request[1][0])
        if not configuration.get("lists", True):
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "not here")
        if not place.is_file():
            context.abort(grpc.StatusCode.NOT_FOUND, f"no such artifact: {place.name}")
        with place.open("rb") as file:
            while part := file.read(1 << 20):
                yield field(1, part)
        yield field(2, 1)

    def save(self, request: Fields, _: grpc.ServicerContext) -> bytes:
        place, configuration = self.place(request[2][0])
        if configuration.get("full"):
            return field(2, b"the store is full")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(request[1][0].decode(), place)
        return field(1, 1)

    def save_stream(self, frames: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        gone = threading.Event()
        context.add_callback(gone.set)
        place, configuration = self.place(fields_of(next(frames))[1][0])
        if configuration.get("full"):
            return field(2, b"the store is full")
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_name(f".{place.name}")
        with part.open("wb") as file:
            for frame in frames:
                file.write(fields_of(frame)[2][0])
        # this library ends the frames of a caller who broke off as those of one who has said all, and tells the difference after it
        if gone.wait(0.1):
            part.unlink()
            return b""
        part.rename(place)
        return field(1, 1)

    def delete(self, request: Fields, _: grpc.ServicerContext) -> bytes:
        place, _configuration = self.place(request[1][0])
        if place.is_dir():
            shutil.rmtree(place)
        place.unlink(missing_ok=True)
        return field(1, 1)

    def list_objects(self, request: Fields, _: grpc.ServicerContext) -> bytes:
        place, _configuration = self.place(request[1][0])
        files = sorted(str(one.relative_to(self.folder)) for one in place.rglob("*") if one.is_file())
        return b"".join(field(1, name.encode()) for name in files)

    def is_directory(self, request: Fields, context: grpc.ServicerContext) -> bytes:
        place, configuration = self.place(request[1][0])
        if not configuration.get("lists", True):
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "not here")
        return field(1, 1) if place.is_dir() else b""


def serve(socket: str, folder: pathlib.Path, *, streams: bool = True) -> grpc.Server:
    """The server, started."""
    store = Store(folder)

    def unary(work: Callable[[Fields, grpc.ServicerContext], bytes]) -> grpc.RpcMethodHandler:
        return grpc.unary_unary_rpc_method_handler(lambda request, context: work(fields_of(request), context))

    handlers = {
        "Load": unary(store.load), "Save": unary(store.save), "Delete": unary(store.delete),
        "ListObjects": unary(store.list_objects), "IsDirectory": unary(store.is_directory),
        "OpenStream": grpc.unary_stream_rpc_method_handler(lambda request, context: store.open_stream(fields_of(request), context)),
    }  # fmt: skip
    if streams:
        handlers["GetCapabilities"] = unary(lambda _request, _context: field(1, 1))
        handlers["SaveStream"] = grpc.stream_unary_rpc_method_handler(store.save_stream)
    server = grpc.server(ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("artifact.ArtifactService", handlers),))
    server.add_insecure_port(f"unix:{socket}")
    server.start()
    return server


if __name__ == "__main__":
    # the first process of a container is deaf to it otherwise, and its pod lasts until the kubelet loses patience
    signal.signal(signal.SIGTERM, signal.SIG_IGN if os.environ.get("DEAF") else lambda *_: os._exit(0))
    serve(sys.argv[1], pathlib.Path("/var/lib/artifacts")).wait_for_termination()

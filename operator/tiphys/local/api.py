"""The API of this machine's own objects: the same calls as to a cluster, answered here."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from tiphys.cluster.api import Answer, Api
from tiphys.cluster.connection import Access
from tiphys.errors import Unavailable
from tiphys.local.channel import Message, Reply, ask
from tiphys.local.objects import Place, Refusal, Store
from tiphys.local.operations import Request, decode, listed, matching, operate
from tiphys.local.paths import target_of

_VERBS = {"POST": "create", "PATCH": "patch", "PUT": "put", "GET": "get"}
_NAMESPACE = "default"
_FOLLOW_SECONDS = 0.2
_FOUND = 200
_ENDED = ("Succeeded", "Failed")


class LocalApi(Api):
    """Calls that stay on this machine.

    Args:
        store: The objects.
        logs: Folder of logs: `<namespace>/<pod>/<container>.log`.

    Attributes:
        route: Told of each request before it is answered; the socket of the process that is to answer instead, or None.
        others: The sockets of the other processes that run workflows, whose pods they alone know.
    """

    def __init__(self, store: Store, logs: Path) -> None:
        super().__init__(Access(server="this machine", namespace=_NAMESPACE))
        self.store = store
        self.logs = logs
        self.route: Callable[[str, Place], Path | None] = lambda _verb, _place: None
        self.others: Callable[[], list[Path]] = list

    async def _send(self, verb: str, path: str, **request: Any) -> Answer:
        query, headers = dict(request.get("params") or {}), dict(request.get("headers") or {})
        message = Message(verb=verb, path=path, query=query, headers=headers, body=request.get("data") or b"")
        elsewhere = self.route(verb, target_of(path.lstrip("/")).place)
        reply = self.reply(message) if elsewhere is None else await ask(elsewhere, message)
        return Answer(reply.status, reply.content, 0.0)

    def reply(self, message: Message) -> Reply:
        """The answer to a request, by the objects that are here."""
        try:
            return Reply(200, self._answer(message))
        except Refusal as e:
            return Reply(e.code, msgspec.json.encode(e.status()))

    async def stream(self, path: str, query: Mapping[str, str]) -> AsyncIterator[bytes]:
        """The body of an answer; of a log that is followed, until its pod has ended, whichever program here runs it."""
        place = target_of(path.lstrip("/")).place
        if not query.get("follow") or not await self._runs(place):
            yield await self.call("GET", "", path, query=query)
            return
        file = log_file(self.logs, place.namespace, place.name, query.get("container", "main"))
        content = file.read_bytes() if file.exists() else b""
        said, is_running = len(content), True
        yield last_lines(content, int(query.get("tailLines", "0")))
        while is_running:
            await asyncio.sleep(_FOLLOW_SECONDS)
            # what it printed before it ended is read after that is known
            is_running = await self._runs(place)
            content = _rest(file, said)
            said += len(content)
            yield content

    async def _runs(self, pod: Place) -> bool:
        self.route("GET", pod)
        with contextlib.suppress(Refusal):
            return self.store.read(pod).get("status", {}).get("phase") not in _ENDED
        message = Message(verb="GET", path=f"/{pod.group}/namespaces/{pod.namespace}/{pod.plural}/{pod.name}")
        for other in self.others():
            with contextlib.suppress(Unavailable):
                reply = await ask(other, message)
                if reply.status == _FOUND:
                    return msgspec.json.decode(reply.content).get("status", {}).get("phase") not in _ENDED
        return False

    def _answer(self, message: Message) -> bytes:
        target, verb, query = target_of(message.path.lstrip("/")), message.verb, message.query
        accept = message.headers.get("Accept", "")
        if target.sub == "log":
            container = query.get("container") or self.store.read(target.place)["spec"]["containers"][0]["name"]
            file = log_file(self.logs, target.place.namespace, target.place.name, container)
            if not file.exists():
                # a pod that another program runs is known here by its log alone
                self.store.read(target.place)
            return tail(file, int(query.get("tailLines", "0")))
        if verb == "GET" and not target.place.name:
            found = matching(query, self.store.find(*target.place[:3]))
            return msgspec.json.encode(listed(target, found, accept, {"resourceVersion": str(self.store.version)}))
        what = "deletecollection" if verb == "DELETE" and not target.place.name else _VERBS.get(verb, "delete")
        asked = Request(
            verb=what,
            target=target,
            query=query,
            body=decode(message.body),
            content_type=message.headers.get("Content-Type", ""),
            accept=accept,
        )
        return msgspec.json.encode(operate(self.store, asked))


def log_file(folder: Path, namespace: str, pod: str, container: str) -> Path:
    """Where the log of a container is."""
    return folder / namespace / pod / f"{container}.log"


def _rest(path: Path, start: int) -> bytes:
    if not path.exists():
        return b""
    with path.open("rb") as file:
        file.seek(start)
        return file.read()


def tail(path: Path, lines: int) -> bytes:
    """The last lines of a file, all for 0; empty when there is no file."""
    return last_lines(path.read_bytes() if path.exists() else b"", lines)


def last_lines(content: bytes, lines: int) -> bytes:
    """The last lines of a log, all for 0."""
    return b"".join(content.splitlines(keepends=True)[-lines:]) if lines else content


class LocalLogs:
    """What containers on this machine printed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def tail(self, namespace: str, pod: str, container: str, *, limit_bytes: int) -> bytes:
        """The last `limit_bytes` of the container's log."""
        path = log_file(self._folder, namespace, pod, container)
        return path.read_bytes()[-limit_bytes:] if path.exists() else b""

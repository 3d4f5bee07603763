"""The HTTP side: requests become operations of the store, its changes become watches.

Source: Kubernetes' API concepts.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, Self

import msgspec
from aiohttp import web

from tiphys.local.objects import Place, Refusal, Store
from tiphys.local.operations import Request, decode, listed, matching, operate, selector_of
from tiphys.local.paths import Target, discovery, target_of
from tiphys.model.base import Json
from tiphys.testing.apiserver.faults import Call, Fault, call_of
from tiphys.testing.apiserver.kubelet import Behaviour, Ending, Kubelet
from tiphys.testing.apiserver.rights import User, Users, check, review
from tiphys.testing.apiserver.watching import Watch

_ANYBODY = User("somebody", lambda *_: True)


class APIServer:
    """Serves a store on a port of the loopback interface. Use it as a context manager.

    Attributes:
        store: What it holds.
        kubelet: Runs its pods.
        faults: What goes wrong, first come first struck.
        calls: What was asked, oldest first; watches are there once.
        log_queries: How logs were asked for.
        is_down: Every request is dropped.
        token: Requests must bear it, and may do all; empty for any.
        users: Who may do what, by token; without any, everybody may do all.
        bookmark_seconds: How often a quiet watch is told its version.
        forbidden: Kinds (plural names) that nobody may list or watch.
    """

    def __init__(self, behave: Behaviour = lambda _pod: Ending(), store: Store | None = None) -> None:
        self.store = store or Store()
        self.kubelet = Kubelet(self.store, behave)
        self.faults: list[Fault] = []
        self.calls: list[Call] = []
        self.log_queries: list[dict[str, str]] = []
        self.is_down = False
        self.token = ""
        self.users = Users()
        self.bookmark_seconds = 60.0
        self.forbidden: set[str] = set()
        self.address = ""
        self._pages: dict[str, tuple[list[Json], int]] = {}
        self._continued = 0
        self._runner: web.AppRunner | None = None
        self._streams: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.address = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kubelet.close()
        self.disconnect()
        if self._runner is not None:
            await self._runner.cleanup()

    def disconnect(self) -> None:
        """Break every watch."""
        for task in list(self._streams):
            task.cancel()

    @property
    def effects(self) -> list[Call]:
        """The calls that changed something, without Kubernetes Events."""
        return [call for call in self.calls if call.is_effect and call.kind != "events"]

    # --- requests

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if self.is_down:
            return self._drop(request)
        try:
            user = self._authenticate(request)
            path = request.match_info["path"].strip("/")
            found = discovery(path) or review(path, user, await request.read())
            if found is not None:
                return web.json_response(found)
            return await self._serve(request, target_of(path), user)
        except Refusal as e:
            headers = {} if e.retry_after is None else {"Retry-After": str(e.retry_after)}
            return web.json_response(e.status(), status=e.code, headers=headers)

    def _authenticate(self, request: web.Request) -> User:
        authorization = request.headers.get("Authorization", "")
        if self.users:
            return self.users.of(authorization)
        if self.token and authorization != f"Bearer {self.token}":
            raise Refusal(401, "Unauthorized", "Unauthorized")
        return _ANYBODY

    @staticmethod
    def _drop(request: web.Request) -> web.StreamResponse:
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    def strike(self, call: Call, *does: str) -> Fault | None:
        """The fault that strikes this request now; it is used up by that."""
        for fault in self.faults:
            if fault.does in does and fault.is_about(call):
                fault.times -= 1
                return fault
        return None

    async def _serve(self, request: web.Request, target: Target, user: User) -> web.StreamResponse:
        call = msgspec.structs.replace(call_of(request, target), user=user.name)
        self.calls.append(call)
        check(user, call)
        fault = self.strike(call, "answer", "drop", "lose", "hang")
        if fault is not None and fault.does == "answer":
            raise Refusal(fault.status, "Injected", f"HTTP {fault.status} on demand", retry_after=fault.retry_after)
        if fault is not None and fault.does == "hang":
            await asyncio.sleep(3600)
        if fault is not None and fault.does == "drop":
            return self._drop(request)
        if call.verb in ("list", "watch") and call.kind in self.forbidden:
            raise Refusal(403, "Forbidden", f"{call.kind} is forbidden")
        if call.verb == "watch":
            return await self._watch(request, call, target)
        if call.verb == "log":
            return await self._log(request, target.place)
        if target.sub == "token":
            token = self.users.issue(target.place.namespace, target.place.name)
            return _json({"status": {"token": token, "expirationTimestamp": "2099-01-01T00:00:00Z"}}, 201)
        answer = self._list(request, call, target) if call.verb == "list" else await self._do(request, call, target)
        if fault is not None:
            return self._drop(request)
        return _json(answer, 201 if call.verb == "create" else 200)

    async def _do(self, request: web.Request, call: Call, target: Target) -> Json:
        asked = Request(
            verb=call.verb,
            target=target,
            query=request.query,
            body=decode(await request.read()),
            content_type=request.content_type,
            accept=request.headers.get("Accept", ""),
        )
        return operate(self.store, asked)

    def _list(self, request: web.Request, call: Call, target: Target) -> Json:
        token = request.query.get("continue", "")
        if token:
            if token not in self._pages:
                raise Refusal(410, "Expired", "The provided continue parameter is too old")
            objects, version = self._pages.pop(token)
        else:
            stale = self.strike(call, "stale")
            version = stale.version if stale else self.store.version
            found = self.store.find_at(version, *target.place[:3]) if stale else self.store.find(*target.place[:3])
            objects = matching(request.query, found)
        limit = int(request.query.get("limit", "0")) or len(objects)
        page, rest = objects[:limit], objects[limit:]
        meta: Json = {"resourceVersion": str(version)}
        if rest:
            self._continued += 1
            token = meta["continue"] = f"page-{self._continued}-{version}-{len(rest)}"
            if not request.query.get("labelSelector") and not request.query.get("fieldSelector"):
                meta["remainingItemCount"] = len(rest)
            self._pages[token] = (rest, version)
        return listed(target, page, request.headers.get("Accept", ""), meta)

    async def _watch(self, request: web.Request, call: Call, target: Target) -> web.StreamResponse:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 a request is served by a task
        self._streams.add(task)
        try:
            with contextlib.suppress(ConnectionError):
                return await Watch(self, request, call, target, selector_of(request.query)).serve()
            return web.Response()
        finally:
            self._streams.discard(task)

    async def _log(self, request: web.Request, place: Place) -> web.StreamResponse:
        while True:
            changed, pod = self.store.changed, self.store.read(place)
            container = request.query.get("container") or pod["spec"]["containers"][0]["name"]
            states = {one["name"]: one["state"] for one in pod.get("status", {}).get("containerStatuses", ())}
            state = states.get(container, {"waiting": {"reason": "ContainerCreating"}})
            if "waiting" in state:
                message = f'container "{container}" in pod "{place.name}" is waiting to start: {state["waiting"]["reason"]}'
                raise Refusal(400, "BadRequest", message)
            if request.query.get("follow") != "true" or "running" not in state:
                break
            # the log is there when the container has ended
            await changed.wait()
        self.log_queries.append(dict(request.query))
        content = self.kubelet.logs.get(place, b"")
        if request.query.get("timestamps") == "true":
            lines = content.splitlines(keepends=True)
            times = self.kubelet.times.get(place) or (self.store.stamp(),) * len(lines)
            content = b"".join(stamp.encode() + b" " + line for stamp, line in zip(times, lines, strict=True))
        if request.query.get("tailLines"):
            content = b"".join(content.splitlines(keepends=True)[-int(request.query["tailLines"]) :])
        return web.Response(body=content, content_type="text/plain")

    @contextlib.asynccontextmanager
    async def outage(self) -> AsyncIterator[None]:
        """Nothing is answered, and every watch breaks."""
        self.is_down = True
        self.disconnect()
        try:
            yield
        finally:
            self.is_down = False


def _json(answer: Json, status: int) -> web.Response:
    return web.Response(body=msgspec.json.encode(answer), status=status, content_type="application/json")

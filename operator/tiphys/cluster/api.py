"""Calls to the API server: JSON in, JSON out, errors as ours.

Source: Kubernetes' API conventions.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import msgspec

from tiphys.cluster.connection import Access, ConnectionPool, open_session
from tiphys.cluster.limit import AdaptiveLimit
from tiphys.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    Gone,
    InvalidManifest,
    NotFound,
    OutsideError,
    RefusedError,
    Throttled,
    Unauthorized,
    Unavailable,
)
from tiphys.model.base import UNREADABLE, Json, ObjectMeta

if TYPE_CHECKING:
    import aiohttp  # a third of a command's start: imported where it is used

_METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
_ARGO = "apis/argoproj.io/v1alpha1"
KINDS: dict[str, tuple[str, str]] = {
    "Pod": ("api/v1", "pods"),
    "ConfigMap": ("api/v1", "configmaps"),
    "Secret": ("api/v1", "secrets"),
    "Event": ("api/v1", "events"),
    "Service": ("api/v1", "services"),
    "Namespace": ("api/v1", "namespaces"),
    "PersistentVolumeClaim": ("api/v1", "persistentvolumeclaims"),
    "Node": ("api/v1", "nodes"),
    "ServiceAccount": ("api/v1", "serviceaccounts"),
    "Workflow": (_ARGO, "workflows"),
    "WorkflowTaskResult": (_ARGO, "workflowtaskresults"),
    "PodDisruptionBudget": ("apis/policy/v1", "poddisruptionbudgets"),
    "WorkflowTemplate": (_ARGO, "workflowtemplates"),
    "ClusterWorkflowTemplate": (_ARGO, "clusterworkflowtemplates"),
    "CronWorkflow": (_ARGO, "cronworkflows"),
    "WorkflowEventBinding": (_ARGO, "workfloweventbindings"),
    "EventSource": (_ARGO, "eventsources"),
    "Sensor": (_ARGO, "sensors"),
    "WorkflowTaskSet": (_ARGO, "workflowtasksets"),
    "Lease": ("apis/coordination.k8s.io/v1", "leases"),
}
"""Kind -> path of its API group and plural name."""
_CLUSTER_WIDE = frozenset({"Namespace", "Node", "ClusterWorkflowTemplate"})
_PAGE = 500
Observer = Callable[[str, str, int, float], None]
"""Told of every call: verb, kind, HTTP status (0 for no answer), seconds."""


class _Meta(msgspec.Struct, frozen=True):
    metadata: ObjectMeta = ObjectMeta()


class _Status(msgspec.Struct, frozen=True):
    reason: str = ""
    message: str = ""


class _Continue(msgspec.Struct, frozen=True, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")
    remaining_item_count: int | None = None


class Answer(NamedTuple):
    """What came back."""

    status: int
    content: bytes
    retry_after: float


class Page(msgspec.Struct, frozen=True):
    """One page of a list; items are undecoded JSON."""

    metadata: _Continue = _Continue()
    items: tuple[msgspec.Raw, ...] = ()


class _List(msgspec.Struct, frozen=True):
    """A page as it is answered: a server writes no items as null, too."""

    metadata: _Continue = _Continue()
    items: tuple[msgspec.Raw, ...] | None = ()


_REFUSALS: dict[int, type[RefusedError]] = {
    400: InvalidManifest, 403: Forbidden, 404: NotFound, 405: InvalidManifest, 413: InvalidManifest, 415: InvalidManifest,
    422: InvalidManifest,
}  # fmt: skip
_OUTSIDE: dict[int, type[OutsideError]] = {401: Unauthorized, 409: Conflict, 410: Gone, 429: Throttled}


def path_of(kind: str, namespace: str, name: str = "") -> str:
    """The path of an object, or of all objects of a kind.

    Raises:
        NotFound: The kind is not known; `Api.learn` finds others.
    """
    if kind not in KINDS:
        raise NotFound(f"no kind {kind!r}")
    group, plural = KINDS[kind]
    scope = f"/namespaces/{namespace}" if namespace and kind not in _CLUSTER_WIDE else ""
    return f"/{group}{scope}/{plural}" + (f"/{name}" if name else "")


class Api:
    """A connection to one API server. Use it as a context manager.

    Attributes:
        fence: Whether anything may be written now; Leases always may.
    """

    def __init__(
        self, access: Access, *, observe: Observer | None = None, concurrency: int = 64, pool: ConnectionPool | None = None
    ) -> None:  # fmt: skip
        self.access = access
        self._pool = pool
        self._observe = observe
        self._session: aiohttp.ClientSession | None = None
        self._is_open = False
        self._limit = AdaptiveLimit(concurrency)
        self.waited: Callable[[float], None] | None = None
        self.fence: Callable[[], bool] = lambda: True

    async def __aenter__(self) -> Self:
        self._is_open = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self._is_open = False
        if self._session is not None:
            await self._session.close()
            await asyncio.sleep(0)

    @property
    def session(self) -> "aiohttp.ClientSession":
        """The session, opened when it is first asked for."""
        if not self._is_open:
            raise Unavailable("the connection is not open")
        if self._session is None:
            self._session = open_session(self.access, self._pool)
        return self._session

    def headers(self, **more: str) -> dict[str, str]:
        """Who we are, and more."""
        return {**self.access.credentials, **more}

    async def call(  # noqa: PLR0913 an HTTP request has as many parts
        self, verb: str, kind: str, path: str, *, body: Any = None, query: Mapping[str, str] | None = None,
        content: str = "application/json", accept: str = "application/json",
    ) -> bytes:  # fmt: skip
        """The body of the answer.

        Raises:
            OutsideError: Try again later.
            RefusedError: Do not.
        """
        if verb != "GET" and kind != "Lease" and not self.fence():
            raise Unavailable("this replica may not write: its lease has run out")
        data = None if body is None else body if isinstance(body, bytes) else msgspec.json.encode(body)
        for is_last in (self.access.renew is None, True):
            headers = self.headers(**{"Content-Type": content, "Accept": accept})
            answer = await self._ask(verb, kind, path, data=data, params=query, headers=headers)
            if answer.status != 401 or is_last or self.access.renew is None:
                break
            self.access.renew()
        if answer.status >= 400:
            raise as_error(answer.status, answer.content, answer.retry_after)
        return answer.content

    async def _send(self, verb: str, path: str, **request: Any) -> Answer:
        """Send one request.

        Raises:
            Unavailable: There is no answer.
        """
        import aiohttp

        try:
            limit = aiohttp.ClientTimeout(total=self.access.timeout or None)
            async with self.session.request(verb, path, timeout=limit, **request) as answer:
                return Answer(answer.status, await answer.read(), retry_after(answer.headers))
        except (aiohttp.ClientError, TimeoutError, OSError) as e:
            raise Unavailable(f"no answer from {self.access.server}: {e or type(e).__name__}") from e

    async def _ask(self, verb: str, kind: str, path: str, **request: Any) -> Answer:
        asked = time.monotonic()
        async with self._limit:
            if self.waited is not None:
                self.waited(time.monotonic() - asked)
            started, status = time.monotonic(), 0
            try:
                made = await self._send(verb, path, **request)
                status = made.status
            except Unavailable:
                self._limit.lost()
                raise
            finally:
                seconds = time.monotonic() - started
                if self._observe is not None:
                    self._observe(verb.lower(), kind, status, seconds)
            if status == 429:
                self._limit.throttled(made.retry_after)
            else:
                self._limit.answered(seconds)
            return made

    async def stream(self, path: str, query: Mapping[str, str]) -> AsyncIterator[bytes]:
        """The body of an answer in parts, as long as it comes.

        Raises:
            OutsideError: It broke.
            RefusedError: There is none.
        """
        import aiohttp

        no_limit = aiohttp.ClientTimeout(total=None)
        try:
            async with self.session.get(path, params=query, headers=self.headers(), timeout=no_limit) as answer:
                if answer.status >= 400:
                    raise as_error(answer.status, await answer.read())
                async for chunk in answer.content.iter_any():
                    yield chunk
        except (aiohttp.ClientError, TimeoutError, OSError) as e:
            raise Unavailable(f"the answer broke: {e or type(e).__name__}") from e

    async def read(self, kind: str, namespace: str, name: str) -> bytes:
        """The object's JSON."""
        return await self.call("GET", kind, path_of(kind, namespace, name))

    async def create(self, kind: str, namespace: str, manifest: Json) -> ObjectMeta:
        """Create it; the answer is its metadata only."""
        answer = await self.call("POST", kind, path_of(kind, namespace), body=manifest, accept=_METADATA_ONLY)
        return _metadata(answer)

    async def patch(self, kind: str, namespace: str, name: str, patch: Json, *, resource_version: str = "") -> ObjectMeta:
        """Merge `patch` into it; with `resource_version`, only if it has not changed since (`Conflict`)."""
        if resource_version:
            patch = {**patch, "metadata": {**patch.get("metadata", {}), "resourceVersion": resource_version}}
        content = "application/merge-patch+json"
        answer = await self.call(
            "PATCH", kind, path_of(kind, namespace, name), body=patch, content=content, accept=_METADATA_ONLY
        )
        return _metadata(answer)

    async def delete(self, kind: str, namespace: str, name: str, *, uid: str = "", grace_seconds: int | None = None) -> None:
        """Delete it, only the one with `uid` when given. One that is not there is no error."""
        options: Json = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        if uid:
            options["preconditions"] = {"uid": uid}
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        try:
            await self.call("DELETE", kind, path_of(kind, namespace, name), body=options)
        except (NotFound, Conflict):
            return

    async def list(
        self, kind: str, namespace: str = "", *, labels: str = "", fields: str = "", metadata_only: bool = False,
        limit: int = _PAGE,
    ) -> AsyncIterator[Page]:  # fmt: skip
        """The objects, or their metadata only, page by page of `limit` objects."""
        accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1" if metadata_only else "application/json"
        query = {
            "limit": str(limit),
            **({"labelSelector": labels} if labels else {}),
            **({"fieldSelector": fields} if fields else {}),
        }
        while True:
            answer = await self.call("GET", kind, path_of(kind, namespace), query=query, accept=accept)
            try:
                found = msgspec.json.decode(answer, type=_List)
            except UNREADABLE as e:
                # a proxy's page, or an answer cut short
                raise Unavailable(f"no list of {kind}: {e}") from e
            yield Page(found.metadata, found.items or ())
            if not found.metadata.continue_:
                return
            query["continue"] = found.metadata.continue_

    async def learn(self, api_version: str, kind: str) -> tuple[str, bool]:
        """The path of all objects of any kind, by discovery, and whether they live in namespaces.

        Raises:
            NotFound: The server does not know the kind.
        """
        group = f"apis/{api_version}" if "/" in api_version else f"api/{api_version}"
        known = msgspec.json.decode(await self.call("GET", kind, f"/{group}"))
        for resource in known.get("resources", ()):
            if resource["kind"] == kind and "/" not in resource["name"]:
                return f"/{group}/{resource['name']}", bool(resource["namespaced"])
        raise NotFound(f"the server knows no kind {kind!r} in {api_version!r}")


def _metadata(answer: bytes) -> ObjectMeta:
    return msgspec.json.decode(answer, type=_Meta).metadata


def retry_after(headers: Mapping[str, str]) -> float:
    """The seconds that the server asks us to wait; 0 when it does not."""
    said = headers.get("Retry-After", "")
    return float(min(int(said), 300)) if said.isdecimal() else 0.0


def as_error(status: int, content: bytes, wait: float = 0.0) -> OutsideError | RefusedError:
    """The error that an answer means; `wait` seconds are what the server asks for."""
    try:
        said = msgspec.json.decode(content, type=_Status)
    except UNREADABLE:
        said = _Status(message=content[:200].decode(errors="replace"))
    message = said.message or f"HTTP {status}"
    if said.reason == "AlreadyExists":
        return AlreadyExists(message)
    if status == 403 and "exceeded quota" in message:
        return Throttled(message, retry_after=wait)
    refusal = _REFUSALS.get(status)
    return refusal(message) if refusal is not None else _OUTSIDE.get(status, Unavailable)(message, retry_after=wait)

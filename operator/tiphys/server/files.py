"""Artifacts over HTTP: files as they are stored, folders as lists of links; and uploads that become arguments.

Whoever may read the workflow and the credentials of the store may read what is in it. What comes from a store is untrusted: no
page of it may run anything, and it is told as what its name says it is.

Source: rest-and-clients 1.1, 1.2 "Artifacts".
Differs from Argo: what is missing is 404, not 500; errors are JSON.
"""

import asyncio
import html
import mimetypes
import os
from collections.abc import AsyncIterator, Iterator
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from tiphys.errors import Forbidden, NotFound, SpecError
from tiphys.model.arguments import Artifact
from tiphys.model.base import Json
from tiphys.model.parse import parse_workflow
from tiphys.model.places import key_of, kind_of
from tiphys.model.stored import located_artifact
from tiphys.ports import ArtifactDriver, Seekable
from tiphys.server.answers import HEADERS, NotYet
from tiphys.server.call import Call
from tiphys.server.finding import Archived, Wanted, find, find_archived
from tiphys.server.ranges import span_of
from tiphys.server.rights import require
from tiphys.server.stores import open_artifact

_POLICY = "sandbox allow-same-origin; base-uri 'none'; default-src 'none'; img-src 'self'; style-src 'self' 'unsafe-inline'"
_MOST_NAMES = 5000
_FILES_ALONE = frozenset({"http", "artifactory", "raw"})
"""Kinds that have nothing below an artifact: another path is another file of the same server, which nobody offered."""


def safe_headers() -> dict[str, str]:
    """What browsers are told of all that comes from a store; what it may do and who may show it the administrator may say.

    Raises:
        SpecError: What he says cannot be a header.
    """
    said = {
        "Content-Security-Policy": os.environ.get("ARGO_ARTIFACT_CONTENT_SECURITY_POLICY") or _POLICY,
        "X-Frame-Options": os.environ.get("ARGO_ARTIFACT_X_FRAME_OPTIONS") or "SAMEORIGIN",
    }
    for name, text in said.items():
        if not (text.isascii() and text.isprintable()):
            raise SpecError(f"{text!r} is no {name}")
    return {**HEADERS, **said}


class Place(NamedTuple):
    """Which artifact of which node."""

    node: str
    side: str
    name: str
    path: str


async def _live(call: Call, side: str) -> Response:
    """Of a workflow by its name, live or archived."""
    document = await find(call.storage, call.kept, Wanted(namespace=call.namespace, name=call.part("name")))
    return await _serve(call, document, _place(call, side))


async def _by_uid(call: Call, side: str) -> Response:
    document = await find_archived(call.api, call.kept, Archived(uid=call.part("uid")))
    return await _serve(call, document, _place(call, side))


async def outputs(call: Call) -> Response:
    """An output of a workflow's node."""
    return await _live(call, "outputs")


async def inputs(call: Call) -> Response:
    """An input of a workflow's node."""
    return await _live(call, "inputs")


async def outputs_by_uid(call: Call) -> Response:
    """An output of an archived workflow's node."""
    return await _by_uid(call, "outputs")


async def inputs_by_uid(call: Call) -> Response:
    """An input of an archived workflow's node."""
    return await _by_uid(call, "inputs")


async def files(call: Call) -> Response:
    """An input or output of a node, or a file in it.

    Raises:
        SpecError: The path has other words than those that are known.
    """
    kind, side, one = call.part("kind"), call.part("side"), call.part("id")
    await require(call.api, "get", "Workflow", call.namespace, "" if kind == "archived-workflows" else one)
    # the description of Argo's API, and so whoever is made of it, has the first in the singular
    kind = "workflows" if kind == "workflow" else kind
    if kind not in ("workflows", "archived-workflows"):
        raise SpecError(f"{kind!r} is neither workflows nor archived-workflows")
    if side not in ("inputs", "outputs"):
        raise SpecError(f"{side!r} is neither inputs nor outputs")
    if kind == "workflows":
        document = await find(call.storage, call.kept, Wanted(namespace=call.namespace, name=one))
    else:
        document = await find_archived(call.api, call.kept, Archived(uid=one, namespace=call.namespace))
    return await _serve(call, document, _place(call, side))


def _place(call: Call, side: str) -> Place:
    if os.environ.get("ARGO_ARTIFACT_SERVER") == "false":
        raise NotYet("this server gives no artifacts (ARGO_ARTIFACT_SERVER)")
    return Place(call.part("node"), side, call.part("artifact"), call.part("path"))


async def _serve(call: Call, document: Json, place: Place) -> Response:
    workflow = parse_workflow(document)
    artifact = located_artifact(workflow, place.node, place.side, place.name)
    _check_place(artifact, place.path)
    driver = await open_artifact(call.api, workflow.metadata.namespace, artifact)
    key = _key(artifact, place.path)
    last = call.url_path.rpartition("/")[2]
    if not last:
        return await _folder(driver, key)
    if kind_of(artifact) == "git" and not place.path:
        return await _file(driver, key, call, f"{artifact.name}.tgz")
    if await asyncio.to_thread(driver.is_directory, key):
        return RedirectResponse(f"./{quote(last)}/", 307, safe_headers())
    return await _file(driver, key, call)


def _check_place(artifact: Artifact, path: str) -> None:
    """Let pass places that the server may ask for somebody: whoever writes a workflow writes where its artifacts are.

    Raises:
        NotFound: It is nowhere, or has nothing below.
        Forbidden: It is where machines tell who they are; a driver that finds it out later says so, too (`artifacts/guard.py`).
    """
    from tiphys.artifacts.guard import is_own

    kind = kind_of(artifact)
    if not kind:
        raise NotFound(f"artifact {artifact.name} is nowhere")
    if path and kind in _FILES_ALONE:
        raise NotFound(f"there is nothing below {kind} artifacts")
    inner = getattr(artifact, kind)
    for said in (getattr(inner, "endpoint", ""), getattr(inner, "url", ""), *getattr(inner, "addresses", ())):
        host = urlsplit(said if "//" in said else f"//{said}").hostname or ""
        if is_own(host):
            raise Forbidden(f"artifacts at {host} are not served")


def _key(artifact: Artifact, path: str) -> str:
    """The key in the store; a path never leaves the artifact.

    Raises:
        SpecError: It would.
    """
    parts = [part for part in path.split("/") if part]
    if any(part in (".", "..") or "\\" in part or "\x00" in part for part in parts):
        raise SpecError(f"{path!r} is no path in an artifact")
    return "/".join([key_of(artifact).rstrip("/"), *parts])


async def _file(driver: ArtifactDriver, key: str, call: Call, name: str = "") -> Response:
    """The file, or the part of it that is asked for where its store can give parts; for HEAD what would be said of it."""
    name = name or (unquote(urlsplit(key).path) if "://" in key else key).rstrip("/").rpartition("/")[2]
    guessed, encoding = mimetypes.guess_type(name)
    kind = guessed if guessed and not encoding else "application/octet-stream"
    headers = {**safe_headers(), "Content-Disposition": f"inline; filename*=UTF-8''{quote(name)}"}
    span, status = None, 200
    if isinstance(driver, Seekable):
        size = await asyncio.to_thread(driver.size, key)
        asked = "" if call.header("if-range") else call.header("range")
        span = span_of(asked, size)
        headers |= {"Accept-Ranges": "bytes", "Content-Length": str(size if span is None else span.end - span.start)}
        if span is not None and span.start >= size:
            return Response(status_code=416, headers={**safe_headers(), "Content-Range": f"bytes */{size}"})
        if span is not None:
            status, headers["Content-Range"] = 206, f"bytes {span.start}-{span.end - 1}/{size}"
        if call.method == "HEAD":
            return Response(status_code=status, headers=headers, media_type=kind)
    parts = driver.stream(key) if span is None else driver.span(key, *span)  # type: ignore[attr-defined]
    # what is missing is told by the answer's status
    first = await asyncio.to_thread(next, parts, b"")
    if call.method == "HEAD":
        await asyncio.to_thread(parts.close)  # type: ignore[union-attr]
        return Response(status_code=200, headers=headers, media_type=kind)
    return StreamingResponse(_parts(first, parts), status, headers, kind)


async def _parts(first: bytes, rest: Iterator[bytes]) -> AsyncIterator[bytes]:
    part: bytes | None = first
    while part is not None:
        yield bytes(part)
        part = await asyncio.to_thread(next, rest, None)


async def _folder(driver: ArtifactDriver, key: str) -> Response:
    names = await asyncio.to_thread(_names, driver, key)
    if not names:
        raise NotFound(f"there is nothing at {key}")
    if "index.html" in names:
        return RedirectResponse("./index.html", 307, safe_headers())
    links = "\n".join(f'<li><a href="./{quote(name)}">{html.escape(name)}</a></li>' for name in names)
    return HTMLResponse(f"<!DOCTYPE html>\n<html><body><ul>\n{links}\n</ul></body></html>\n", 200, safe_headers())


def _names(driver: ArtifactDriver, key: str) -> list[str]:
    """What is in a folder, of its folders their names alone."""
    start, found = key.rstrip("/") + "/", set[str]()
    for one in driver.list(key):
        inside = one.removeprefix(start)
        name, slash, _ = inside.partition("/")
        found.add(name + slash)
        if len(found) >= _MOST_NAMES:
            break
    return sorted(found - {""})


_FILES = "/artifact-files/{namespace}/{kind}/{id}/{node}/{side}/{artifact}"
ROUTES = (
    ("GET", "/artifacts/{namespace}/{name}/{node}/{artifact}", outputs),
    ("GET", "/artifacts-by-uid/{uid}/{node}/{artifact}", outputs_by_uid),
    ("GET", "/input-artifacts/{namespace}/{name}/{node}/{artifact}", inputs),
    ("GET", "/input-artifacts-by-uid/{uid}/{node}/{artifact}", inputs_by_uid),
    ("GET", _FILES, files),
    ("GET", _FILES + "/{path:path}", files),
)
STREAMS = frozenset({outputs, outputs_by_uid, inputs, inputs_by_uid, files})

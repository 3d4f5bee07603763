"""The web page: its files as they were built into the wheel, and the one document for all its addresses.

Source: features 25, rows "UI".
"""

import gzip
import html
import mimetypes
import pathlib
from collections.abc import Awaitable, Callable, Collection

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tiphys.errors import SpecError

FOLDER = pathlib.Path(__file__).parent / "page"
_NOT_PAGES = ("api/", "artifacts/", "artifacts-by-uid/", "artifact-files/", "input-artifacts", "upload-artifacts/", "oauth2/")
"""Addresses of the API: what is not found there is not the page's."""
_LEAST_TO_PACK = 1024


class Page:
    """The page's files, read once.

    Attributes:
        base: The path that browsers see before every address, with slashes at both ends.
    """

    def __init__(self, base: str = "/", folder: pathlib.Path = FOLDER, *, modes: Collection[str] = ()) -> None:
        self.base = base
        self._files = {path.relative_to(folder).as_posix(): _File(path) for path in folder.rglob("*") if path.is_file()}
        if index := self._files.get("index.html"):
            index.content = index.content.replace(b'<base href="/"', b'<base href="%s"' % html.escape(base).encode())
            said = " ".join(sorted(modes)).encode()
            # the page offers no way in that there is not
            index.content = index.content.replace(b'content="server client sso"', b'content="%s"' % said)

    async def serve(self, request: Request) -> Response:
        """A file, or the document for an address of the page."""
        path = str(request.path_params["path"])
        if not self._files:
            return PlainTextResponse("The web page is not part of this installation: `make ui` builds it.\n", 404)
        if found := self._files.get(path):
            return found.answer(request)
        if path.startswith("assets/"):
            return PlainTextResponse("no such file\n", 404)
        return self._files["index.html"].answer(request)

    @staticmethod
    def has(path: str) -> bool:
        """Whether an address may be one of the page."""
        return not path.lstrip("/").startswith(_NOT_PAGES)


class _File:
    def __init__(self, path: pathlib.Path) -> None:
        self.content = path.read_bytes()
        self._packed = b""
        self._type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        # the name of an asset holds a hash of its content
        self._kept = "public, max-age=31536000, immutable" if path.parent.name == "assets" else "no-cache"

    def answer(self, request: Request) -> Response:
        headers = {"Cache-Control": self._kept, "Vary": "Accept-Encoding"}
        content = self.content
        if len(content) >= _LEAST_TO_PACK and "gzip" in request.headers.get("accept-encoding", ""):
            self._packed = self._packed or gzip.compress(content, 6, mtime=0)
            content, headers["Content-Encoding"] = self._packed, "gzip"
        return Response(content, 200, headers, self._type)


def checked_base(text: str) -> str:
    """A base path with slashes at both ends.

    Raises:
        SpecError: It is no path.
    """
    path = f"/{text.strip('/')}/".replace("//", "/")
    if any(letter in path for letter in "?#\\\"'<> ") or ".." in path:
        raise SpecError(f"{text!r} is no path", path="--base-href")
    return path


Below = Callable[[Scope, Receive, Send], Awaitable[None]]


def below(base: str, app: ASGIApp) -> Below:
    """The application below a base path, whether the proxy before it takes the path off or leaves it."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and base != "/" and scope["path"].startswith(base):
            raw = scope.get("raw_path")
            # in place: who logs and counts asks the scope afterwards what was found
            scope.update(path=scope["path"][len(base) - 1 :], raw_path=raw and raw[len(base) - 1 :])
        await app(scope, receive, send)

    return serve

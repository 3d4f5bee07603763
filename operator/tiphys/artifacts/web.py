"""HTTP for drivers: streams both ways, and errors as ours.

Credentials go to the host that the artifact's owner named, and nowhere else.

Differs from Argo: credentials and headers stay with the artifact's own server when it redirects.
"""

import http.client
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO
from urllib.parse import unquote, urlsplit, urlunsplit

from tiphys.artifacts.guard import GuardedHTTP, GuardedHTTPS, is_guarded
from tiphys.errors import Forbidden, InvalidManifest, NotFound, SpecError, Throttled, TiphysError, Unavailable

PART = 1 << 20
TIMEOUT_SECONDS = 60
_QUOTES = {"&#39;": "'", "&apos;": "'", "&#34;": '"', "&quot;": '"'}
_SAFE = {"user-agent", "accept", "accept-encoding"}


def shown(url: str) -> str:
    """The URL without what may be secret in it: user, password, query."""
    parts = urlsplit(url)
    host = (parts.hostname or "") + (f":{parts.port}" if parts.port else "")
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def split_user(url: str) -> tuple[str, str, str]:
    """The URL without user and password, the user, the password.

    Raises:
        SpecError: It is no http or https URL.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as e:
        raise SpecError("is no URL") from e
    if parts.scheme not in ("http", "https") or not host:
        raise SpecError(f"{shown(url)!r} is no http or https URL")
    plain = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, parts.query, ""))
    return plain, unquote(parts.username or ""), unquote(parts.password or "")


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows reads only; to another origin goes nothing that the artifact says, and never from https to http."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: http.client.HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        """The request to follow with."""
        if req.get_method() not in ("GET", "HEAD") or urlsplit(newurl).scheme not in ("http", "https"):
            return None
        old, new = _origin(req.full_url), _origin(newurl)
        if old[0] == "https" and new[0] == "http":
            raise InvalidManifest(f"{shown(req.full_url)} redirects from https to http")
        made = super().redirect_request(req, fp, code, msg, headers, newurl)
        if made is not None and old != new:
            for name in list(made.headers):
                if name.lower() not in _SAFE:
                    made.remove_header(name)
        return made


class Client:
    """Requests with one TLS setting.

    Args:
        context: For https; None is the system's trust.
        timeout_s: How long the other side may be silent.
    """

    def __init__(self, context: ssl.SSLContext | None = None, timeout_s: float = TIMEOUT_SECONDS) -> None:
        self._timeout_s = timeout_s
        self._opener = urllib.request.OpenerDirector()
        plain, encrypted = urllib.request.HTTPHandler, urllib.request.HTTPSHandler
        if is_guarded():
            plain, encrypted = GuardedHTTP, GuardedHTTPS
        # no handlers for files, ftp and data: an artifact's URL reads no file of this container
        for handler in (
            urllib.request.ProxyHandler(), plain(), encrypted(context=context),
            _Redirects(), urllib.request.HTTPErrorProcessor(), urllib.request.HTTPDefaultErrorHandler(),
            urllib.request.UnknownHandler(),
        ):  # fmt: skip
            self._opener.add_handler(handler)

    @contextmanager
    def open(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes | Iterable[bytes] | None = None
    ) -> Iterator[http.client.HTTPResponse]:
        """The answer, its content still to be read.

        Raises:
            NotFound, Forbidden, InvalidManifest: The server says no.
            Unavailable, Throttled: It may say yes later.
        """
        sent = {"User-Agent": "tiphys", **(headers or {})}
        request = urllib.request.Request(url, data=body, method=method, headers=sent)  # noqa: S310 only http and https have handlers
        try:
            with self._opener.open(request, timeout=self._timeout_s) as answer:
                yield answer
        except urllib.error.HTTPError as e:
            raise _refusal(method, url, e.code, xml_reason(e.read(1 << 14).decode(errors="replace")) or e.reason) from e
        except urllib.error.URLError as e:
            raise _no_answer(method, url, e.reason) from e
        except (http.client.HTTPException, OSError) as e:
            raise _no_answer(method, url, e) from e

    def read(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes | Iterable[bytes] | None = None
    ) -> bytes:
        """The whole answer, at most 16 MiB of it; for answers that are small. Errors as those of `open`."""
        with self.open(method, url, headers, body) as answer:
            return answer.read(16 * PART)

    def stream(self, url: str, headers: Mapping[str, str] | None = None) -> Iterator[bytes]:
        """The content behind a URL, in parts; an answer that is cut short raises Unavailable."""
        with self.open("GET", url, headers) as answer:
            left = answer.length
            while part := answer.read(PART):
                left = None if left is None else left - len(part)
                yield part
            if left:
                raise Unavailable(f"GET {shown(url)}: the answer ended {left} bytes too early")


def xml_reason(text: str) -> str:
    """Code and message of an error as S3 and its like answer it; empty when the text is none."""
    code, message = re.search(r"<Code>(.*?)</Code>", text), re.search(r"<Message>(.*?)</Message>", text, re.DOTALL)
    if code is None:
        return ""
    if message is None:
        return code[1]
    from xml.sax.saxutils import unescape

    return f"{code[1]}: {unescape(' '.join(message[1].split()), _QUOTES)}"


def _refusal(method: str, url: str, status: int, reason: object) -> TiphysError:
    text = f"{method} {shown(url)}: {status} {reason}"
    if status in (404, 410):
        return NotFound(text)
    if status in (401, 403, 407):
        return Forbidden(text)
    if status == 429:
        return Throttled(text)
    return Unavailable(text) if status >= 500 or status == 408 else InvalidManifest(text)


def _no_answer(method: str, url: str, reason: object) -> TiphysError:
    text = f"{method} {shown(url)}: {reason}"
    return InvalidManifest(text) if isinstance(reason, ssl.SSLCertVerificationError) else Unavailable(text)


def basic(user: str, password: str) -> dict[str, str]:
    """The header that signs in with user and password; none without a user."""
    import base64

    token = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {token}"} if user or password else {}

"""Protocol doubles of stores whose servers cannot run here: Azure's blob service and HDFS' WebHDFS. They keep what they are given in memory.

They are no proof that the real stores agree; they show that the drivers speak the documented requests and read the documented answers.
"""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, unquote, urlsplit

from tests.servers.serving import serving


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "Double"

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            made = b""
            while size := int(self.rfile.readline(), 16):
                made += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return made
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def answer(self, status: int, content: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", headers.get("Content_Length", str(len(content))))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def handle_any(self) -> None:
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
        self.server.requests.append((self.command, self.path, dict(self.headers)))
        self.serve(unquote(parts.path), query, self.body())

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any  # noqa: N815

    def serve(self, path: str, query: dict[str, str], body: bytes) -> None:
        raise NotImplementedError


class Double(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, handler: type[_Handler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.files: dict[str, bytes] = {}
        self.blocks: dict[str, bytes] = {}
        self.requests: list[tuple[str, str, dict[str, str]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def _serving(handler: type[_Handler]) -> Iterator[Double]:
    with serving(Double(handler)) as server:
        yield server


class _HDFS(_Handler):
    """Source: Hadoop, "WebHDFS REST API"; the same server is name node and data node (below /data)."""

    def serve(self, path: str, query: dict[str, str], body: bytes) -> None:
        files = self.server.files
        if path.startswith("/data/"):
            assert query.get("delegation", "mine") == "mine"
            self._data(path.removeprefix("/data"), body)
            return
        # a web server before this one tells who has shown a ticket; his token goes with the address of the data node, as Hadoop does it
        ticketed = self.headers.get("X-Remote-User")
        assert query.get("user.name") == (None if ticketed else "tester")
        assert ticketed in (None, "tester@TIPHYS.TEST")
        name, operation = path.removeprefix("/webhdfs/v1"), query["op"]
        below = [one for one in files if one.startswith(name.rstrip("/") + "/")]
        if operation == "CREATE" or (operation == "OPEN" and name in files):
            self._json({"Location": f"{self.server.url}/data{quote(name)}{'?delegation=mine' if ticketed else ''}"})
        elif operation == "RENAME":
            is_free = query["destination"] not in files
            if is_free:
                files[query["destination"]] = files.pop(name)
            self._json({"boolean": is_free})
        elif operation == "DELETE":
            for one in [*below, *([name] if name in files else [])]:
                del files[one]
            self._json({"boolean": True})
        elif operation == "GETFILESTATUS" and (name in files or below):
            self._json({"FileStatus": {"type": "FILE" if name in files else "DIRECTORY", "pathSuffix": ""}})
        elif operation == "LISTSTATUS" and (name in files or below):
            self._json({"FileStatuses": {"FileStatus": self._children(name, below)}})
        else:
            self._json({"RemoteException": {"exception": "FileNotFoundException", "message": "not there"}}, 404)

    def _children(self, name: str, below: list[str]) -> list[dict[str, str]]:
        if name in self.server.files:
            return [{"type": "FILE", "pathSuffix": ""}]
        firsts = {one.removeprefix(name.rstrip("/") + "/").partition("/")[::2] for one in below}
        return [{"type": "DIRECTORY" if rest else "FILE", "pathSuffix": first} for first, rest in sorted({(f, bool(r)) for f, r in firsts})]

    def _data(self, name: str, body: bytes) -> None:
        if self.command == "PUT":
            self.server.files[name] = body
            self.answer(201)
        else:
            self.answer(200, self.server.files[name])

    def _json(self, value: object, status: int = 200) -> None:
        self.answer(status, json.dumps(value).encode(), Content_Type="application/json")


class _STS(_Handler):
    """Source: AWS, "AssumeRole"; any object reads `content`."""

    def serve(self, _path: str, _query: dict[str, str], body: bytes) -> None:
        if self.command == "POST":
            name = "identified" if b"Action=AssumeRoleWithWebIdentity" in body and b"WebIdentityToken=proof" in body else "taken"
            assert b"Action=AssumeRole" in body
            keys = f"<AccessKeyId>{name}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>token</SessionToken>"
            answer = f"<R xmlns='x'><C><Credentials>{keys}<Expiration>2100-01-01T00:00:00Z</Expiration></Credentials></C></R>"
            self.answer(200, answer.encode())
        else:
            about = {"ETag": '"1"', "Last_Modified": "Thu, 01 Jan 2026 00:00:00 GMT", "x_amz_bucket_region": "eu-north-1"}
            self.answer(200, b"content", **about)


class _Alibaba(_STS):
    """Source: Alibaba Cloud, "AssumeRoleWithOIDC"; any object reads `content`."""

    def serve(self, path: str, query: dict[str, str], body: bytes) -> None:
        if self.command != "POST":
            super().serve(path, query, body)
            return
        form = {key: values[0] for key, values in parse_qs(body.decode()).items()}
        wanted = {"Action": "AssumeRoleWithOIDC", "Version": "2015-04-01", "OIDCToken": "proof", "RoleArn": "acs:ram::1:role/r", "OIDCProviderArn": "p"}
        if not wanted.items() <= form.items() or not {"Timestamp", "SignatureNonce", "RoleSessionName"} <= form.keys():
            self.answer(400, b'{"Code": "InvalidParameter"}')
            return
        found = {"AccessKeyId": "STS.identified", "AccessKeySecret": "s", "SecurityToken": "token", "Expiration": "2100-01-01T00:00:00Z"}
        self.answer(200, json.dumps({"RequestId": "1", "Credentials": found}).encode())


class _Web(_Handler):
    """A server that remembers what it was asked, gives tokens, and redirects: /to?URL."""

    def serve(self, path: str, query: dict[str, str], body: bytes) -> None:
        if path == "/to":
            self.answer(302, b"", Location=next(iter(query)))
        elif path == "/token":
            self._token(parse_qs(body.decode()))
        elif path == "/cut":
            self.answer(200, b"short", Content_Length="500")
            self.close_connection = True
        elif path == "/broken":
            self.answer(500, b"fault")
        else:
            self.answer(200, f"{self.command} {body.decode()}".encode())

    def _token(self, form: dict[str, list[str]]) -> None:
        by_header = self.headers.get("Authorization") == "Basic " + base64.b64encode(b"id:oauth-canary").decode()
        by_form = form.get("client_id") == ["id"] and form.get("client_secret") == ["oauth-canary"]
        is_known = by_form if form.get("style") == ["form"] else by_header
        if is_known and form.get("grant_type") == ["client_credentials"] and form.get("scope") == ["a b"]:
            self.answer(200, b'{"access_token": "bearer-canary", "token_type": "bearer"}')
        else:
            self.answer(401, b"{}")


def hdfs() -> "contextmanager[Double]":  # type: ignore[valid-type]
    return _serving(_HDFS)


def sts() -> "contextmanager[Double]":  # type: ignore[valid-type]
    return _serving(_STS)


def alibaba() -> "contextmanager[Double]":  # type: ignore[valid-type]
    return _serving(_Alibaba)


def web() -> "contextmanager[Double]":  # type: ignore[valid-type]
    return _serving(_Web)

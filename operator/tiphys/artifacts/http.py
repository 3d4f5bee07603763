"""Files behind URLs: plain HTTP, and Artifactory's way of it.

Source: argo-semantics 20.1; Argo's field documentation of `HTTPArtifact` and `ArtifactoryArtifact`.
"""

import os
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from tiphys.artifacts.secrets import SecretReader, text_of
from tiphys.artifacts.web import Client, basic, shown, split_user
from tiphys.errors import Forbidden, InvalidManifest, NotFound, SpecError
from tiphys.model.base import UNREADABLE
from tiphys.model.locations import ArtifactoryArtifact, ClientCertAuth, HTTPArtifact, OAuth2Auth


class _FileDriver:
    """What both have in common: one file at one URL. The key is that URL; no other is asked for."""

    can_delete = False

    def __init__(self, url: str, client: Client, headers: dict[str, str]) -> None:
        self._url, user, password = split_user(url)
        self._client = client
        self._headers = {**basic(user, password), **headers}

    def _at(self, key: str) -> str:
        """The URL of a key, which has to be of the same server: the credentials are for no other."""
        url = split_user(key)[0] if key else self._url
        if url.split("/")[:3] != self._url.split("/")[:3]:
            raise SpecError(f"{shown(url)} is not on the server that the credentials are for")
        return url

    def load(self, key: str, target: Path) -> None:
        """The file."""
        with target.open("xb", buffering=0) as file:
            for part in self.stream(key):
                view = memoryview(part)
                while view:
                    view = view[os.write(file.fileno(), view) :]

    def stream(self, key: str) -> Iterator[bytes]:
        """What GET answers."""
        return self._client.stream(self._at(key), self._headers)

    def save(self, key: str, content: Iterable[bytes], size: int = -1) -> None:
        """One PUT; chunked when the size is not known."""
        length = {"Content-Length": str(size)} if size >= 0 else {}
        kind = {"Content-Type": "application/octet-stream"}
        self._client.read("PUT", self._at(key), {**kind, **length, **self._headers}, iter(content))

    def list(self, prefix: str) -> Iterator[str]:
        """There are no folders behind URLs."""
        raise InvalidManifest(f"{shown(prefix)}: what is below a URL cannot be listed")

    def delete(self, key: str) -> None:
        """DELETE, where the server is one that stores artifacts."""
        if not self.can_delete:
            raise InvalidManifest(f"{shown(key)}: deleting is not supported for http artifacts")
        try:
            self._client.read("DELETE", self._at(key), self._headers)
        except NotFound:
            return

    def is_directory(self, _key: str) -> bool:
        """Never."""
        return False


class HTTPDriver(_FileDriver):
    """A file behind a URL."""

    def __init__(self, place: HTTPArtifact, secrets: SecretReader) -> None:
        auth = place.auth
        context = _certified(auth.client_cert, secrets) if auth and auth.client_cert else None
        client = Client(context)
        headers = {header.name: header.value for header in place.headers}
        if auth and auth.basic_auth:
            user, password = text_of(secrets, auth.basic_auth.username_secret), text_of(secrets, auth.basic_auth.password_secret)
            headers |= basic(user, password)
        if auth and auth.oauth2 and auth.oauth2.token_url_secret:
            headers["Authorization"] = f"Bearer {_token(auth.oauth2, client, secrets)}"
        super().__init__(place.url, client, headers)
        self._saves_by_file = bool(place.save_stream_via_file)

    def save(self, key: str, content: Iterable[bytes], size: int = -1) -> None:
        """One PUT; with `saveStreamViaFile` by a file on disk, so that the size is known."""
        if size >= 0 or not self._saves_by_file:
            super().save(key, content, size)
            return
        with _spooled(content) as (parts, length):
            super().save(key, parts, length)


class ArtifactoryDriver(_FileDriver):
    """A file in Artifactory.

    Differs from Argo: files are deleted when artifact garbage collection asks for it.
    """

    can_delete = True

    def __init__(self, place: ArtifactoryArtifact, secrets: SecretReader) -> None:
        headers = basic(text_of(secrets, place.username_secret), text_of(secrets, place.password_secret))
        super().__init__(place.url, Client(), headers)


@contextmanager
def _spooled(content: Iterable[bytes]) -> Iterator[tuple[Iterator[bytes], int]]:
    from tempfile import TemporaryFile

    with TemporaryFile() as file:
        for part in content:
            file.write(part)
        size = file.tell()
        file.seek(0)
        yield iter(lambda: file.read(1 << 20), b""), size


def _certified(cert: ClientCertAuth, secrets: SecretReader) -> ssl.SSLContext:
    """A context that shows the client's certificate; OpenSSL reads keys from files only, so one lives for a moment."""
    from tempfile import NamedTemporaryFile

    context = ssl.create_default_context()
    pair = text_of(secrets, cert.client_cert_secret) + "\n" + text_of(secrets, cert.client_key_secret) + "\n"
    with NamedTemporaryFile("w", prefix="tiphys-") as file:
        file.write(pair)
        file.flush()
        try:
            context.load_cert_chain(file.name)
        except (ssl.SSLError, OSError) as e:
            raise SpecError(f"certificate and key do not fit: {e}", path="http.auth.clientCert") from e
    return context


class _Token(msgspec.Struct):
    access_token: str


def _token(auth: OAuth2Auth, client: Client, secrets: SecretReader) -> str:
    """An access token for client credentials: id and secret in the header first, then, as some servers want them, in the form."""
    from urllib.parse import urlencode

    url, _, _ = split_user(text_of(secrets, auth.token_url_secret))
    known, secret = text_of(secrets, auth.client_id_secret), text_of(secrets, auth.client_secret_secret)
    form = {"grant_type": "client_credentials", **({"scope": " ".join(auth.scopes)} if auth.scopes else {})}
    form |= {parameter.key: parameter.value for parameter in auth.endpoint_params}
    kind = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    try:
        answer = client.read("POST", url, {**kind, **basic(known, secret)}, urlencode(form).encode())
    except (InvalidManifest, Forbidden):
        answer = client.read("POST", url, kind, urlencode({**form, "client_id": known, "client_secret": secret}).encode())
    try:
        return msgspec.json.decode(answer, type=_Token).access_token
    except UNREADABLE as e:
        raise InvalidManifest(f"POST {shown(url)}: the answer holds no access token") from e

"""Object stores as a server asks them: by a proxy that looks where each connection goes."""

import pathlib
import socket
import subprocess
import sys

import msgspec
import pytest
from tests.servers.minio import KEYS, NAME, Minio
from tests.servers.secrets import Secrets

from tiphys.artifacts.guard import guarded
from tiphys.artifacts.pin import proxy_url
from tiphys.artifacts.s3 import S3Driver
from tiphys.errors import Forbidden
from tiphys.model.locations import S3Artifact

Addresses = list[str]


@pytest.fixture
def meant(monkeypatch: pytest.MonkeyPatch) -> Addresses:
    """What `rebound.invalid` means, one address after the other and then always the last; nobody but us can resolve it."""
    meanings: Addresses = []
    real = socket.getaddrinfo

    def resolve(host: str, port: int, *more: object, **options: object) -> object:
        if host != "rebound.invalid":
            return real(host, port, *more, **options)  # type: ignore[arg-type]
        address = meanings.pop(0) if len(meanings) > 1 else meanings[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr("socket.getaddrinfo", resolve)
    return meanings


def driver(store: Minio, tmp_path: pathlib.Path, host: str) -> S3Driver:
    secrets = Secrets(tmp_path / "secrets")
    keys = {"access_key_secret": secrets("access", KEYS.access), "secret_key_secret": secrets("secret", KEYS.secret)}
    with guarded():
        return S3Driver(S3Artifact(endpoint=f"{host}:{store.port}", insecure=True, bucket="bucket", **keys), secrets.read)


def test_a_store_is_asked_where_its_name_was_looked_at(store: Minio, tmp_path, meant):
    meant.append("127.0.0.1")
    one, content = driver(store, tmp_path, "rebound.invalid"), bytes(range(256)) * 100_000
    one.save("pinned", [content])
    assert b"".join(one.stream("pinned")) == content
    assert b"".join(one.span("pinned", 5, 9)) == content[5:9]
    assert list(one.list("pinned")) == []
    one.delete("pinned")


def test_a_name_that_means_another_address_afterwards_leads_nowhere(store: Minio, tmp_path, meant, monkeypatch):
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    meant += ["192.0.2.1", "127.0.0.1"]
    one = driver(store, tmp_path, "rebound.invalid")
    with pytest.raises(Forbidden):
        list(one.stream("pinned"))
    meant[:] = ["192.0.2.1", "169.254.169.254"]
    with pytest.raises(Forbidden):
        list(driver(store, tmp_path, "rebound.invalid").stream("pinned"))


def through(first: bytes) -> socket.socket:
    one = socket.create_connection(("127.0.0.1", int(proxy_url().rpartition(":")[2])), 10)
    one.sendall(first)
    return one


def test_a_tunnel_leads_to_the_address_and_its_end_is_heard(store: Minio):
    with through(f"CONNECT localhost:{store.port} HTTP/1.1\r\nHost: x\r\n\r\n".encode()) as one:
        assert one.recv(100) == b"HTTP/1.1 200 OK\r\n\r\n"
        one.sendall(b"GET /minio/health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: one.recv(1000), b""))
    assert answer.startswith(b"HTTP/1.1 200 OK")


_GUARDED = """
import pathlib, socket, sys, msgspec
from tiphys.artifacts.guard import guarded
from tiphys.artifacts.objects import RETRY
from tiphys.artifacts.s3 import S3Driver
from tiphys.artifacts.secrets import mounted
from tiphys.model.locations import S3Artifact
real = socket.getaddrinfo
def resolve(host, *more, **options):
    return real("127.0.0.1" if str(host).endswith(".invalid") else host, *more, **options)
socket.getaddrinfo = resolve
RETRY["max_retries"] = 1
with guarded():
    driver = S3Driver(msgspec.json.decode(sys.argv[1], type=S3Artifact), mounted(pathlib.Path(sys.argv[2])))
content = bytes(range(256)) * 100_000
driver.save("tunnel", [content])
assert b"".join(driver.stream("tunnel")) == content and b"".join(driver.span("tunnel", 5, 9)) == content[5:9]
print("the same through TLS")
"""


def in_a_server(store: Minio, tmp_path: pathlib.Path, host: str, *, authority: bool = True) -> subprocess.CompletedProcess[str]:
    """What a server does that only it can resolve the name for; trust is a thing of the process, so each has its own."""
    secrets = Secrets(tmp_path / "secrets")
    keys = {"access_key_secret": secrets("access", KEYS.access), "secret_key_secret": secrets("secret", KEYS.secret)}
    trusted = {"ca_secret": secrets("ca", (store.folder / "ca.crt").read_bytes())} if authority else {}
    place = msgspec.json.encode(S3Artifact(endpoint=f"{host}:{store.port}", bucket="bucket", **keys, **trusted)).decode()
    return subprocess.run([sys.executable, "-c", _GUARDED, place, str(secrets.folder)], capture_output=True, text=True, check=False, timeout=120)


def test_a_tunnel_carries_tls_whose_certificate_is_that_of_the_name(secure_store: Minio, tmp_path):
    done = in_a_server(secure_store, tmp_path, NAME)
    assert done.stdout == "the same through TLS\n", done.stderr[-2000:]


def test_a_certificate_of_the_address_alone_or_of_nobodys_is_not_taken_for_one_of_the_name(secure_store: Minio, tmp_path):
    """The server's certificate is for its address, too, which is where the tunnel leads: that is not what was asked for."""
    done = in_a_server(secure_store, tmp_path, "other.invalid")
    assert "InvalidManifest: the server's certificate is not trusted: NotValidForName" in done.stderr, done.stderr[-2000:]
    done = in_a_server(secure_store, tmp_path, NAME, authority=False)
    assert "InvalidManifest: the server's certificate is not trusted: UnknownIssuer" in done.stderr, done.stderr[-2000:]


@pytest.mark.parametrize(("first", "status"), [
    (b"CONNECT 127.0.0.1:9 HTTP/1.1\r\n\r\n", b"403"), (b"CONNECT [::ffff:127.0.0.1]:9 HTTP/1.1\r\n\r\n", b"403"),
    (b"GET http://localhost:9/ HTTP/1.1\r\n\r\n", b"403"), (b"GET ftp://host/ HTTP/1.1\r\n\r\n", b"400"), (b"nonsense\r\n\r\n", b"400"),
    (b"CONNECT host:port HTTP/1.1\r\n\r\n", b"400"), (b"CONNECT nobody.invalid:1 HTTP/1.1\r\n\r\n", b"403"),
])  # fmt: skip
def test_what_is_not_asked_for_somebody_else_is_refused(monkeypatch, first, status):
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    with through(first) as one:
        assert one.recv(100).split(b" ")[1] == status


def test_a_proxy_of_the_environment_is_left_to_do_its_work(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    assert proxy_url.__wrapped__() == ""

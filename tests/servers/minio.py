"""MinIO, built from its Go module as the cluster's programs are."""

import os
import pathlib
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.servers.certificates import certificates
from tests.servers.process import free_port, running

from tiphys.artifacts.aws import Keys, Scope, now, signed
from tiphys.artifacts.web import Client
from tiphys.errors import OutsideError

ROOT = pathlib.Path(__file__).parents[2]
#: What its certificate is for, besides its address; no resolver knows it.
NAME = "store.invalid"
KEYS = Keys("tiphys-test-user", "tiphys-test-canary-secret")


class Minio:
    def __init__(self, folder: pathlib.Path, host: str, port: int, *, tls: bool, region: str = "") -> None:
        self.folder, self.host, self.port, self.tls = folder, host, port, tls
        self.region = region or "us-east-1"

    @property
    def endpoint(self) -> str:
        return f"{self.host}:{self.port}"

    def make_bucket(self, name: str) -> None:
        (self.folder / "data" / name).mkdir()


def program() -> pathlib.Path:
    """The program; built when it is not there, which takes minutes."""
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "tiphys/bin/minio"
    if not cache.exists():
        subprocess.run([ROOT / "tests/e2e/cluster/tools/build", "minio"], check=True)
    return cache


@contextmanager
def minio(folder: pathlib.Path, *, host: str = "127.0.0.1", port: int = 0, tls: bool = False, region: str = "") -> Iterator[Minio]:
    (folder / "data").mkdir(parents=True, exist_ok=True)
    (folder / "certs").mkdir(exist_ok=True)
    port = port or free_port(host)
    if tls:
        certificates(folder, host, NAME)
        (folder / "server.crt").rename(folder / "certs/public.crt")
        (folder / "server.key").rename(folder / "certs/private.key")
    env = {
        "PATH": os.environ["PATH"], "HOME": str(folder), "MINIO_ROOT_USER": KEYS.access, "MINIO_ROOT_PASSWORD": KEYS.secret,
        "MINIO_CI_CD": "on", "MINIO_BROWSER": "off", "MINIO_KMS_SECRET_KEY": "k1:" + "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
        "MINIO_UPDATE": "off", "GOMEMLIMIT": "1GiB", "MINIO_REGION": region or "us-east-1",
    }  # fmt: skip
    command = [program(), "server", "--quiet", "--address", f"{host}:{port}", "--certs-dir", folder / "certs", folder / "data"]
    with running(command, port, folder / "minio.log", env, host):
        one = Minio(folder, host, port, tls=tls, region=region)
        _wait_until_ready(one)
        yield one


def _wait_until_ready(one: Minio) -> None:
    """It answers before it can do anything."""
    client = Client(ssl.create_default_context(cafile=one.folder / "ca.crt") if one.tls else None)
    url, end = f"{'https' if one.tls else 'http'}://{one.endpoint}/", time.monotonic() + 30
    while True:
        try:
            client.read("GET", url, signed("GET", url, KEYS, Scope(one.region, "s3", now())))
        except OutsideError:
            assert time.monotonic() < end, (one.folder / "minio.log").read_text()
            time.sleep(0.1)
        else:
            return

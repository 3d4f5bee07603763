"""The stores behind the contract: MinIO for s3, oss and (by its XML interface, which is that of S3) gcs; Azurite; nginx for http and artifactory.

HDFS is a protocol double, see tests/servers/doubles.py: its servers cannot run here. The driver of somebody else is a server of its
own, once one that streams what it saves, and once one that is given files.
"""

import json
import pathlib
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
from tests.servers import doubles
from tests.servers.azurite import KEY, Azurite, azurite
from tests.servers.driver import serve
from tests.servers.minio import KEYS, Minio, minio
from tests.servers.nginx import PASSWORD, USER, Nginx, nginx
from tests.servers.secrets import Secrets

from tiphys.artifacts.aws import Scope, now, signed
from tiphys.artifacts.drivers import open_driver
from tiphys.artifacts.web import Client
from tiphys.model.arguments import Artifact
from tiphys.model.locations import (
    ArtifactoryArtifact,
    AzureArtifact,
    BasicAuth,
    GCSArtifact,
    HDFSArtifact,
    HTTPArtifact,
    HTTPAuth,
    OSSArtifact,
    PluginArtifact,
    S3Artifact,
)
from tiphys.ports import ArtifactDriver

PACKAGES = pathlib.Path(__file__).parents[2] / "servers/packages"


class Opened(NamedTuple):
    """A driver, and how its keys are made of short ones."""

    driver: ArtifactDriver
    key: Callable[[str], str]
    has_folders: bool = True
    can_delete: bool = True


@pytest.fixture(scope="session", autouse=True)
def _packages() -> None:
    subprocess.run([PACKAGES], check=True, capture_output=True)


@pytest.fixture(scope="session")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Secrets:
    return Secrets(tmp_path_factory.mktemp("secrets"))


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Minio]:
    with minio(tmp_path_factory.mktemp("minio")) as one:
        for name in ("bucket", "ossbucket", "open"):
            one.make_bucket(name)
        actions = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket", "s3:AbortMultipartUpload"]
        statement = {"Effect": "Allow", "Principal": {"AWS": ["*"]}, "Action": actions, "Resource": ["arn:aws:s3:::open", "arn:aws:s3:::open/*"]}
        body, url = json.dumps({"Version": "2012-10-17", "Statement": [statement]}).encode(), f"http://{one.endpoint}/open?policy="
        Client().read("PUT", url, signed("PUT", url, KEYS, Scope("us-east-1", "s3", now()), body=body), body)
        yield one


@pytest.fixture(scope="session")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    with nginx(tmp_path_factory.mktemp("web")) as one:
        yield one


def _s3(request: pytest.FixtureRequest, secrets: Secrets) -> Artifact:
    store = request.getfixturevalue("store")
    return Artifact(s3=S3Artifact(endpoint=store.endpoint, insecure=True, bucket="bucket", access_key_secret=secrets("access", KEYS.access),
                                  secret_key_secret=secrets("secret", KEYS.secret)))  # fmt: skip


def _oss(request: pytest.FixtureRequest, secrets: Secrets) -> Artifact:
    store = request.getfixturevalue("store")
    return Artifact(oss=OSSArtifact(endpoint=f"http://{store.endpoint}", bucket="ossbucket", access_key_secret=secrets("access", KEYS.access),
                                    secret_key_secret=secrets("secret", KEYS.secret)))  # fmt: skip


def _gcs(request: pytest.FixtureRequest, secrets: Secrets) -> Artifact:
    store = request.getfixturevalue("store")
    key = {"gcs_base_url": f"http://{store.endpoint}", "disable_oauth": True, "client_email": "", "private_key": "", "private_key_id": ""}
    return Artifact(gcs=GCSArtifact(bucket="open", service_account_key_secret=secrets("gcs", json.dumps(key))))


def _azure(request: pytest.FixtureRequest, secrets: Secrets) -> Artifact:
    url = request.getfixturevalue("azure").url
    return Artifact(azure=AzureArtifact(endpoint=url, container="container", account_key_secret=secrets("azure", KEY)))


def _hdfs(request: pytest.FixtureRequest, secrets: Secrets) -> Artifact:
    return Artifact(hdfs=HDFSArtifact(addresses=(request.getfixturevalue("hdfs").url,), hdfs_user="tester", force=True))


def _http(request: pytest.FixtureRequest, secrets: Secrets) -> Artifact:
    auth = HTTPAuth(basic_auth=BasicAuth(username_secret=secrets("user", USER), password_secret=secrets("password", PASSWORD)))
    return Artifact(http=HTTPArtifact(url=f"{request.getfixturevalue('web').url}/files/x", auth=auth))


def _artifactory(request: pytest.FixtureRequest, secrets: Secrets) -> Artifact:
    url = f"{request.getfixturevalue('web').url}/files/y"
    return Artifact(artifactory=ArtifactoryArtifact(url=url, username_secret=secrets("user", USER), password_secret=secrets("password", PASSWORD)))


@pytest.fixture(scope="session")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    with azurite(tmp_path_factory.mktemp("azurite")) as one:
        one.make_container("container")
        yield one


@pytest.fixture(scope="session")
def hdfs() -> Iterator[doubles.Double]:
    with doubles.hdfs() as one:
        yield one


@pytest.fixture(scope="session")
def drivers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pathlib.Path]:
    """The folder of the drivers `streaming` and `filing`."""
    with tempfile.TemporaryDirectory(prefix="drivers-") as short, pytest.MonkeyPatch.context() as patch:
        folder = pathlib.Path(short)
        patch.setenv("TIPHYS_DRIVERS", short)
        servers = []
        for name in ("streaming", "filing"):
            (folder / name).mkdir()
            servers.append(serve(str(folder / name / "socket"), tmp_path_factory.mktemp(name), streams=name == "streaming"))
        yield folder
        for server in servers:
            server.stop(0).wait()


def _plugin(name: str) -> Callable[[pytest.FixtureRequest, Secrets], Artifact]:
    def make(request: pytest.FixtureRequest, _secrets: Secrets) -> Artifact:
        request.getfixturevalue("drivers")
        return Artifact(plugin=PluginArtifact(name=name, configuration="{}"))

    return make


_MAKERS = {"s3": _s3, "oss": _oss, "gcs": _gcs, "azure": _azure, "hdfs": _hdfs, "http": _http, "artifactory": _artifactory,
           "plugin-streaming": _plugin("streaming"), "plugin-filing": _plugin("filing")}  # fmt: skip


@pytest.fixture(params=list(_MAKERS))
def opened(request: pytest.FixtureRequest, secrets: Secrets) -> Opened:
    kind = request.param
    artifact = _MAKERS[kind](request, secrets)
    driver = open_driver(artifact, secrets.read)
    unique = f"{request.node.name.split('[')[0]}"
    if kind in ("http", "artifactory"):
        base = f"{request.getfixturevalue('web').url}/files/{kind}-{unique}"
        return Opened(driver, lambda key: f"{base}/{key}", has_folders=False, can_delete=kind == "artifactory")
    prefix = f"/{unique}" if kind == "hdfs" else unique
    return Opened(driver, lambda key: f"{prefix}/{key}")

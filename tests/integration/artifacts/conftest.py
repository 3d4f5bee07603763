"""Real servers: MinIO, nginx, git over HTTP and SSH. What is not observed here: pods; that is tests/e2e/artifacts."""

import pathlib
import subprocess
from collections.abc import Iterator

import pytest
from tests.servers.minio import Minio, minio
from tests.servers.nginx import Nginx, nginx
from tests.servers.repository import Repository, SSHServer, sshd

PACKAGES = pathlib.Path(__file__).parents[2] / "servers/packages"


@pytest.fixture(scope="session", autouse=True)
def _packages() -> None:
    subprocess.run([PACKAGES], check=True, capture_output=True)


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Minio]:
    with minio(tmp_path_factory.mktemp("minio")) as one:
        one.make_bucket("bucket")
        yield one


@pytest.fixture(scope="session")
def secure_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Minio]:
    with minio(tmp_path_factory.mktemp("minio-tls"), tls=True) as one:
        one.make_bucket("bucket")
        yield one


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return Repository(tmp_path_factory.mktemp("git"))


@pytest.fixture(scope="session")
def web(tmp_path_factory: pytest.TempPathFactory, repository: Repository) -> Iterator[Nginx]:
    with nginx(tmp_path_factory.mktemp("web"), repos=repository.folder) as one:
        yield one


@pytest.fixture(scope="session")
def secure_web(tmp_path_factory: pytest.TempPathFactory, repository: Repository, web: Nginx) -> Iterator[Nginx]:
    with nginx(tmp_path_factory.mktemp("web-tls"), tls=True, repos=repository.folder, elsewhere=f"{web.url}/open/x") as one:
        yield one


@pytest.fixture(scope="session")
def ssh(tmp_path_factory: pytest.TempPathFactory, repository: Repository) -> Iterator[SSHServer]:
    with sshd(tmp_path_factory.mktemp("ssh"), repository.folder) as one:
        yield one

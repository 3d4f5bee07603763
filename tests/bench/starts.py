"""What an executor costs that brings one small artifact, of each kind of store: CPU beyond a bare interpreter's. `python -m tests.bench.starts`.

The stores run on this machine: MinIO (s3, oss and, by its XML interface, gcs), Azurite, nginx, git over HTTP, a driver of somebody else; HDFS is a double.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack

import msgspec
from tests.servers import doubles
from tests.servers.azurite import KEY, azurite
from tests.servers.minio import KEYS, minio
from tests.servers.nginx import PASSWORD, USER, nginx
from tests.servers.repository import Repository
from tests.servers.secrets import Secrets

from tiphys.artifacts.aws import Scope, now, signed
from tiphys.artifacts.drivers import open_driver
from tiphys.artifacts.web import Client
from tiphys.model.arguments import ArchiveStrategy, Artifact, NoneStrategy
from tiphys.model.locations import (
    ArtifactoryArtifact,
    AzureArtifact,
    BasicAuth,
    GCSArtifact,
    GitArtifact,
    HDFSArtifact,
    HTTPArtifact,
    HTTPAuth,
    OSSArtifact,
    PluginArtifact,
    RawArtifact,
    S3Artifact,
)
from tiphys.model.places import key_of
from tiphys.model.staging import Load, Save, StagingPlan

_ROUNDS = 9
_PACKAGES = pathlib.Path(__file__).parents[1] / "servers/packages"
_SHIM = pathlib.Path(__file__).parents[2] / "operator/tiphys/shim/bin/amd64"
_READ_ALONE = ("git", "raw", "http")


class Stores:
    """One small artifact in a store of each kind, while it is open."""

    def __init__(self, folder: pathlib.Path, stack: ExitStack) -> None:
        self.folder, self.secrets = folder, Secrets(folder / "secrets")
        self._stack = stack
        access, secret = self.secrets("access", KEYS.access), self.secrets("secret", KEYS.secret)
        self.store = stack.enter_context(minio(folder / "minio"))
        for name in ("bucket", "open"):
            self.store.make_bucket(name)
        s3 = S3Artifact(endpoint=self.store.endpoint, insecure=True, bucket="bucket", key="small", access_key_secret=access, secret_key_secret=secret)
        oss = OSSArtifact(endpoint=f"http://{self.store.endpoint}", bucket="bucket", key="small-oss", access_key_secret=access, secret_key_secret=secret)
        hdfs = HDFSArtifact(addresses=(stack.enter_context(doubles.hdfs()).url,), hdfs_user="tester", force=True, path="/small")
        self.artifacts = {
            "s3": Artifact(s3=s3), "oss": Artifact(oss=oss), "gcs": self._gcs(), "azure": self._azure(), "hdfs": Artifact(hdfs=hdfs),
            **self._web(), "plugin": self._plugin(), "raw": Artifact(raw=RawArtifact(data="x")),
        }  # fmt: skip

    def _gcs(self) -> Artifact:
        actions = ["s3:GetObject", "s3:PutObject", "s3:ListBucket"]
        allowed = {"Effect": "Allow", "Principal": {"AWS": ["*"]}, "Action": actions, "Resource": ["arn:aws:s3:::open", "arn:aws:s3:::open/*"]}
        body, url = json.dumps({"Version": "2012-10-17", "Statement": [allowed]}).encode(), f"http://{self.store.endpoint}/open?policy="
        Client().read("PUT", url, signed("PUT", url, KEYS, Scope("us-east-1", "s3", now()), body=body), body)
        key = {"gcs_base_url": f"http://{self.store.endpoint}", "disable_oauth": True, "client_email": "", "private_key": "", "private_key_id": ""}
        return Artifact(gcs=GCSArtifact(bucket="open", key="small", service_account_key_secret=self.secrets("gcs", json.dumps(key))))

    def _azure(self) -> Artifact:
        server = self._stack.enter_context(azurite(self.folder / "azurite"))
        server.make_container("container")
        return Artifact(azure=AzureArtifact(endpoint=server.url, container="container", blob="small", account_key_secret=self.secrets("azure", KEY)))

    def _web(self) -> dict[str, Artifact]:
        server = self._stack.enter_context(nginx(self.folder / "web", repos=Repository(self.folder / "git").folder))
        user, password = self.secrets("user", USER), self.secrets("password", PASSWORD)
        url, auth = f"{server.url}/files/small", HTTPAuth(basic_auth=BasicAuth(username_secret=user, password_secret=password))
        return {
            "http": Artifact(http=HTTPArtifact(url=url, auth=auth)),
            "artifactory": Artifact(artifactory=ArtifactoryArtifact(url=url, username_secret=user, password_secret=password)),
            "git": Artifact(git=GitArtifact(repo=f"{server.url}/public/app.git", depth=1, single_branch=True, branch="main", disable_submodules=True)),
        }  # fmt: skip

    def _plugin(self) -> Artifact:
        sockets = pathlib.Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="drivers-")))
        os.environ["TIPHYS_DRIVERS"] = str(sockets)
        (sockets / "mine").mkdir()
        code = "import pathlib, sys; from tests.servers.driver import serve; serve(sys.argv[1], pathlib.Path(sys.argv[2])).wait_for_termination()"
        process = subprocess.Popen([sys.executable, "-c", code, str(sockets / "mine/socket"), str(self.folder)])
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        return Artifact(plugin=PluginArtifact(name="mine", key="small-plugin"))

    def fill(self) -> None:
        """Save each artifact once; its second saving replaces the first."""
        for kind, artifact in self.artifacts.items():
            if kind not in _READ_ALONE:
                open_driver(artifact, self.secrets.read).save(key_of(artifact), [b"x"], 1)


def cpu(command: list[str], env: dict[str, str] | None = None) -> float:
    """CPU seconds of a command and of what it starts."""
    process = subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    assert status == 0, command
    return used.ru_utime + used.ru_stime


def _executor(stores: Stores, what: str, plan: StagingPlan) -> Callable[[], float]:
    env = {
        "PATH": os.environ["PATH"], "TIPHYS_STAGING": msgspec.json.encode(plan).decode(), "TIPHYS_SECRETS": str(stores.secrets.folder),
        "TIPHYS_STAGED": str(stores.folder / "staged"), "TIPHYS_TERMINATION": str(stores.folder / "record"),
        "TIPHYS_DRIVERS": os.environ["TIPHYS_DRIVERS"],
    }  # fmt: skip
    return lambda: cpu([sys.executable, "-m", "tiphys", "executor", what], env)


def measure(stores: Stores) -> None:
    """Print the table; the bare interpreter is measured in turns with each."""
    (stores.folder / "small").write_text("x")
    (stores.folder / "staged").mkdir()
    command = [_SHIM, "--termination", "/dev/null", "--stage", stores.folder / "staged/main", "--artifact", f"a={stores.folder}/small", "--", "true"]
    subprocess.run(command, check=True)
    print("| one small artifact of the kind | load, ms of CPU beyond the interpreter | save, the same |\n|---|---|---|")
    for kind, place in stores.artifacts.items():
        artifact = msgspec.structs.replace(place, name="a", path=str(stores.folder / "small"), archive=ArchiveStrategy(none=NoneStrategy()))
        plans = {"load": StagingPlan(loads=(Load(artifact=artifact, path=str(stores.folder / "in" / kind)),))}
        if kind not in _READ_ALONE:
            plans["save"] = StagingPlan(saves=(Save(artifact=artifact, container="main"),))
        cells = {what: f"{_beyond(_executor(stores, what, plan)):.0f}" for what, plan in plans.items()}
        print(f"| {kind} | {cells['load']} | {cells.get('save', '')} |", flush=True)


def _beyond(run: Callable[[], float]) -> float:
    """Milliseconds, the median of the differences."""
    run()
    return 1000 * statistics.median(run() - cpu([sys.executable, "-c", "pass"]) for _ in range(_ROUNDS))


def main() -> None:
    """Print the table."""
    subprocess.run([_PACKAGES], check=True, capture_output=True)
    with tempfile.TemporaryDirectory(prefix="tiphys-bench-", dir=os.environ.get("TIPHYS_BENCH_DIR", "/var/tmp")) as name, ExitStack() as stack:  # noqa: S108
        stores = Stores(pathlib.Path(name), stack)
        stores.fill()
        measure(stores)


if __name__ == "__main__":
    main()

"""What artifacts cost beside what they must cost: `python -m tests.bench.artifacts` prints the tables. Needs no cluster.

A gigabyte up and down beside the object-store library alone; memory with two gigabytes. What an executor's start costs: tests/bench/starts.py.
"""

import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import msgspec
from tests.servers.minio import KEYS, Minio, minio
from tests.servers.secrets import Secrets

from tiphys.model.arguments import ArchiveStrategy, Artifact, NoneStrategy
from tiphys.model.locations import S3Artifact
from tiphys.model.staging import Load, Save, StagingPlan

SHIM = pathlib.Path(__file__).parents[2] / "operator/tiphys/shim/bin/amd64"
GIGABYTE = 1 << 30
_ALONE = """
import sys, obstore
from obstore.store import S3Store
store = S3Store("bucket", endpoint=sys.argv[1], access_key_id=sys.argv[2], secret_access_key=sys.argv[3], client_options={"allow_http": True, "timeout": "5m"})
if sys.argv[4] == "up":
    obstore.put(store, "alone", open(sys.argv[5], "rb"))
else:
    with open(sys.argv[5], "wb") as file:
        for part in obstore.get(store, sys.argv[6]).stream(min_chunk_size=10 << 20):
            file.write(part)
"""


class Bench:
    """A folder with a store and secrets."""

    def __init__(self, folder: pathlib.Path, store: Minio) -> None:
        self.folder, self.store = folder, store
        self.secrets = Secrets(folder / "secrets")
        self.place = S3Artifact(endpoint=store.endpoint, insecure=True, bucket="bucket", access_key_secret=self.secrets("access", KEYS.access),
                                secret_key_secret=self.secrets("secret", KEYS.secret))  # fmt: skip

    def at(self, key: str, path: str = "") -> Artifact:
        """An artifact that is not packed."""
        s3 = msgspec.structs.replace(self.place, key=key)
        return Artifact(name="a", s3=s3, path=path, archive=ArchiveStrategy(none=NoneStrategy()))

    def executor(self, what: str, plan: StagingPlan) -> tuple[float, float, float]:
        """Run it: wall and CPU seconds, and the most megabytes of memory."""
        env = {
            "PATH": os.environ["PATH"], "TIPHYS_STAGING": msgspec.json.encode(plan).decode(), "TIPHYS_SECRETS": str(self.secrets.folder),
            "TIPHYS_STAGED": str(self.folder / "staged"), "TIPHYS_TERMINATION": str(self.folder / "record"),
        }  # fmt: skip
        return measured([sys.executable, "-m", "tiphys", "executor", what], env)

    def stage(self, source: pathlib.Path) -> None:
        """What the shim would have left of a file."""
        command = [SHIM, "--termination", "/dev/null", "--stage", self.folder / "staged/main", "--artifact", f"a={source}", "--", "true"]
        (self.folder / "staged").mkdir(exist_ok=True)
        subprocess.run(command, check=True)


def measured(command: list[str], env: dict[str, str] | None = None) -> tuple[float, float, float]:
    """Wall and CPU seconds of a command, and the most megabytes of memory."""
    started = time.monotonic()
    process = subprocess.Popen(command, env=env)
    _, status, used = os.wait4(process.pid, 0)
    assert status == 0, command
    return time.monotonic() - started, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def throughput(bench: Bench, source: pathlib.Path, target: pathlib.Path) -> None:
    """A gigabyte beside the library alone, in turns."""

    def alone(way: str, path: pathlib.Path) -> tuple[float, float, float]:
        target.unlink(missing_ok=True)
        return measured([sys.executable, "-c", _ALONE, f"http://{bench.store.endpoint}", KEYS.access, KEYS.secret, way, str(path), "big"])

    def load() -> tuple[float, float, float]:
        target.unlink(missing_ok=True)
        return bench.executor("load", StagingPlan(loads=(Load(artifact=bench.at("big"), path=str(target)),)))

    bench.stage(source)
    save = StagingPlan(saves=(Save(artifact=bench.at("big", str(source)), container="main"),))
    rows = {"up": (lambda: alone("up", source), lambda: bench.executor("save", save)), "down": (lambda: alone("down", target), load)}
    print("\n| 1 GB | library alone, s | executor, s | speed beside it | executor's CPU, s | RSS, MB |\n|---|---|---|---|---|---|")
    for way, (theirs, ours) in rows.items():
        pairs = [(theirs(), ours()) for _ in range(3)]
        wall = [min(pair[side][0] for pair in pairs) for side in (0, 1)]
        print(f"| {way} | {wall[0]:.2f} | {wall[1]:.2f} | {wall[0] / wall[1]:.2f} | {pairs[0][1][1]:.2f} | {pairs[0][1][2]:.0f} |", flush=True)


def memory(bench: Bench, source: pathlib.Path, target: pathlib.Path) -> None:
    """Two gigabytes with each archive."""
    from tiphys.model.arguments import TarStrategy, ZipStrategy

    kinds = {"none": ArchiveStrategy(none=NoneStrategy()), "tar, level 1": ArchiveStrategy(tar=TarStrategy(compression_level=1)), "zip": ArchiveStrategy(zip=ZipStrategy())}
    bench.stage(source)
    print("\n| 2 GB | save, s | save RSS, MB | load, s | load RSS, MB |\n|---|---|---|---|---|")
    for name, archive in kinds.items():
        artifact = msgspec.structs.replace(bench.at(f"two-{name[:3]}", str(source)), archive=archive)
        saved = bench.executor("save", StagingPlan(saves=(Save(artifact=artifact, container="main"),)))
        target.unlink(missing_ok=True)
        loaded = bench.executor("load", StagingPlan(loads=(Load(artifact=artifact, path=str(target)),)))
        print(f"| {name} | {saved[0]:.1f} | {saved[2]:.0f} | {loaded[0]:.1f} | {loaded[2]:.0f} |", flush=True)


def write(path: pathlib.Path, size: int) -> None:
    """A file of random blocks, which no archive makes smaller."""
    block = os.urandom(8 << 20)
    with path.open("wb") as file:
        for _ in range(size // len(block)):
            file.write(block)


def main() -> None:
    """Print the tables."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory(prefix="tiphys-bench-", dir=os.environ.get("TIPHYS_BENCH_DIR", "/var/tmp")) as name:  # noqa: S108
        folder = pathlib.Path(name)
        with minio(folder / "store") as store:
            store.make_bucket("bucket")
            bench = Bench(folder, store)
            source, target = folder / "source", folder / "target"
            write(source, GIGABYTE)
            throughput(bench, source, target)
            write(source, 2 * GIGABYTE)
            memory(bench, source, target)
    print(json.dumps({"cores": os.cpu_count()}))


if __name__ == "__main__":
    main()

"""What artifacts and archived logs add to a step, beside the step without them and beside the time that the copy alone takes.

`python -m tests.bench.artifact_steps` prints the table; the store is MinIO on the cluster's bridge.
"""

import base64
import json
import pathlib
import subprocess
import tempfile
import time
from typing import Any

from tests.bench.__main__ import MAIN, NAMESPACE, ROOT, Bench, chain, kubectl, row
from tests.servers.minio import KEYS, Minio, minio

from tiphys.artifacts.s3 import S3Driver
from tiphys.model.base import KeySelector
from tiphys.model.locations import S3Artifact

BRIDGE, IMAGE, LENGTH = "10.88.0.1", "quay.io/tiphys/tiphys:bench", 5
SIZE = 1024 * 1024


def give_store(store: Minio) -> None:
    """Make the store the namespace's default."""
    s3 = {"endpoint": store.endpoint, "insecure": True, "bucket": "bench", "accessKeySecret": {"name": "keys", "key": "access"},
          "secretKeySecret": {"name": "keys", "key": "secret"}}  # fmt: skip
    annotations = {"workflows.argoproj.io/default-artifact-repository": "main"}
    data = {"access": base64.b64encode(KEYS.access.encode()).decode(), "secret": base64.b64encode(KEYS.secret.encode()).decode()}
    items = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "artifact-repositories", "annotations": annotations},
         "data": {"main": json.dumps({"s3": s3})}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "data": data},
    ]  # fmt: skip
    kubectl("create", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))


def template(*, gives: bool = False, takes: bool = False, logs: bool = False) -> dict[str, Any]:
    """A step that gives, takes, or is only kept the log of."""
    made: dict[str, Any] = {"name": "one", "container": {**MAIN, "command": ["sh", "-c"], "args": [f"head -c {SIZE} /dev/urandom > /out"]}}
    if gives:
        made["outputs"] = {"artifacts": [{"name": "out", "path": "/out"}]}
    if takes:
        made["inputs"] = {"artifacts": [{"name": "in", "path": "/in", "s3": {"key": "given"}}]}
    return {**made, **({"archiveLocation": {"archiveLogs": True}} if logs else {})}


def copy_alone(store: Minio) -> None:
    """The time that the driver takes for the same bytes, in a process that is there already."""
    values = {"access": KEYS.access.encode(), "secret": KEYS.secret.encode()}
    place = S3Artifact(endpoint=store.endpoint, insecure=True, bucket="bench", access_key_secret=KeySelector(name="k", key="access"),
                       secret_key_secret=KeySelector(name="k", key="secret"))  # fmt: skip
    driver = S3Driver(place, lambda selector: values[selector.key])
    started = time.monotonic()
    for _ in range(LENGTH):
        driver.save("given", iter([bytes(SIZE)]), SIZE)
    row("1 MB stored by the driver alone", time.monotonic() - started, (time.monotonic() - started) / LENGTH)


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        archive = pathlib.Path(folder) / "image.tar"
        subprocess.run([ROOT / "deploy/image/build", archive, IMAGE], check=True, capture_output=True)
        subprocess.run([ROOT / "tests/e2e/cluster/load-image", IMAGE, archive], check=True, capture_output=True)
        kubectl("create", "namespace", NAMESPACE)
        with minio(pathlib.Path(folder) / "store", host=BRIDGE) as store:
            store.make_bucket("bench")
            bench = Bench("--executor-image", IMAGE)
            try:
                give_store(store)
                print("| real kubelet | wall, s | each, s | requests each | CPU each, ms | RSS, MB |\n|---|---|---|---|---|---|")
                copy_alone(store)
                bench.measure("warm-up, artifacts", [chain("warm", 1, template(gives=True, takes=True))], 1)
                kinds: dict[str, dict[str, bool]] = {
                    "without artifacts": {}, "log kept": {"logs": True}, "1 MB given": {"gives": True}, "1 MB taken": {"takes": True},
                    "1 MB taken and given, log kept": {"takes": True, "gives": True, "logs": True},
                }  # fmt: skip
                for number, (what, kind) in enumerate(kinds.items()):
                    bench.measure(f"chain of {LENGTH}, {what}, per step", [chain(f"c{number}", LENGTH, template(**kind))], LENGTH)
            finally:
                bench.process.terminate()
                bench.process.wait(30)
                kubectl("delete", "namespace", NAMESPACE, "--wait=false")


if __name__ == "__main__":
    main()

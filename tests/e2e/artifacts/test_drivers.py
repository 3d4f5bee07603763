"""An artifact driver of another hand in pods of a real cluster: it stores, gives back, keeps logs, lists and deletes."""

import hashlib
import io
import json
import pathlib
import shutil
import tarfile
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from tests.e2e.circumstances.conftest import INSTANCE, Station
from tests.e2e.conftest import ROOT, run

DRIVER_IMAGE = "quay.io/tiphys/driver:e2e"
ENTRY = ["python3", "/driver.py"]
KEPT = pathlib.Path("/var/tmp")  # noqa: S108 where the driver keeps its files, on the machine


def _member(name: str, content: bytes) -> tuple[tarfile.TarInfo, io.BytesIO]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    return info, io.BytesIO(content)


def pack(ours: pathlib.Path, target: pathlib.Path) -> None:
    """Our image, which has Python and gRPC, with the driver as its entry point."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as made:
        made.addfile(*_member("driver.py", (ROOT / "tests/servers/driver.py").read_bytes()))
    digest = hashlib.sha256(layer.getvalue()).hexdigest()
    with tarfile.open(ours) as source, tarfile.open(target, "w") as made:
        for info in source:
            content = source.extractfile(info)
            assert content is not None
            if info.name == "config.json":
                config = json.load(content)
                config["config"] |= {"Entrypoint": ENTRY, "User": "0:0"}
                config["config"]["Env"] += ["PYTHONPATH=/opt/tiphys"]
                config["rootfs"]["diff_ids"].append(f"sha256:{digest}")
                made.addfile(*_member(info.name, json.dumps(config).encode()))
            elif info.name == "manifest.json":
                (one,) = json.load(content)
                changed = {**one, "RepoTags": [DRIVER_IMAGE], "Layers": [*one["Layers"], f"{digest}.tar"]}
                made.addfile(*_member(info.name, json.dumps([changed]).encode()))
            else:
                made.addfile(info, content)
        made.addfile(*_member(f"{digest}.tar", layer.getvalue()))


@pytest.fixture(scope="module")
def place(kubeconfig: str, image: str, image_archive: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    folder = tmp_path_factory.mktemp("driver")
    pack(image_archive, folder / "driver.tar")
    run(ROOT / "tests/e2e/cluster/load-image", DRIVER_IMAGE, folder / "driver.tar")
    name = f"drivers-{uuid.uuid4().hex[:8]}"
    one = Station(kubeconfig, name)
    run("kubectl", "--kubeconfig", kubeconfig, "create", "namespace", name)
    repository = {"archiveLogs": True, "plugin": {"name": "theirs", "configuration": "{}", "keyFormat": f"{name}/{{{{workflow.name}}}}/{{{{pod.name}}}}"}}
    one.configure(
        instanceID=INSTANCE, artifactRepository=json.dumps(repository),
        artifactDrivers=json.dumps([{"name": "theirs", "image": DRIVER_IMAGE, "connectionTimeoutSeconds": 10}]),
    )  # fmt: skip
    with one.running(image, folder):
        yield one
    shutil.rmtree(KEPT / name, ignore_errors=True)


def spec(folder: str, **more: Any) -> dict[str, Any]:
    """Makes a folder and a file, reads both elsewhere, lists what is there; the driver keeps its files on the machine."""
    patch = {"volumes": [{"name": "kept", "hostPath": {"path": str(KEPT / folder), "type": "DirectoryOrCreate"}}],
             "initContainers": [{"name": "artifact-plugin-theirs", "volumeMounts": [{"name": "kept", "mountPath": "/var/lib/artifacts"}]}]}  # fmt: skip
    sh = {"image": "alpine", "command": ["sh", "-c"]}
    plain = {"archive": {"none": {}}}
    make = {"name": "make", "container": {**sh, "args": ["mkdir -p /o/sub; echo deep > /o/sub/f; echo file > /f; echo made"]}, "outputs": {
        "artifacts": [{"name": "packed", "path": "/o"}, {"name": "file", "path": "/f", **plain},
                      {"name": "many", "path": "/o", **plain, "plugin": {"key": f"{folder}/many"}}]}}  # fmt: skip
    read = {"name": "read", "container": {**sh, "args": ["cat /in/sub/f /file /many/sub/f"]}, "inputs": {"artifacts": [
        {"name": "in", "path": "/in"}, {"name": "file", "path": "/file"}, {"name": "many", "path": "/many"}]}}  # fmt: skip
    pick = {"name": "pick", "data": {"source": {"artifactPaths": {"name": "all", "plugin": {"key": f"{folder}/many"}}},
                                     "transformation": [{"expression": "map(data, {split(#, '/')[-1]})"}]}}  # fmt: skip
    passed = [{"name": to, "from": f"{{{{steps.make.outputs.artifacts.{source}}}}}"} for to, source in (("in", "packed"), ("file", "file"), ("many", "many"))]
    steps = [[{"name": "make", "template": "make"}], [{"name": "read", "template": "read", "arguments": {"artifacts": passed}}, {"name": "pick", "template": "pick"}]]
    return {"entrypoint": "main", "podSpecPatch": json.dumps(patch), "podGC": {"strategy": "OnPodCompletion", "deleteDelayDuration": "0s"},
            "artifactGC": {"strategy": "OnWorkflowDeletion", "podSpecPatch": json.dumps(patch)},
            "templates": [{"name": "main", "steps": steps}, make, read, pick], **more}  # fmt: skip


def test_a_driver_of_another_hand_stores_gives_back_lists_and_deletes(place: Station) -> None:
    place.submit("all", spec(place.namespace))
    elsewhere = {"entrypoint": "a", "templates": [{"name": "a", "container": {"image": "alpine", "command": ["true"]}, "inputs": {
        "artifacts": [{"name": "x", "path": "/x", "plugin": {"name": "nobody", "key": "k"}}]}}]}  # fmt: skip
    place.submit("unknown", elsewhere)
    found = place.finished("all", 180)
    by_name = {node["displayName"]: node for node in found["status"]["nodes"].values()}
    assert found["status"]["phase"] == "Succeeded", {name: node.get("message") for name, node in by_name.items()}
    assert by_name["pick"]["outputs"]["result"] == '["f"]'
    logs = {artifact["name"] for artifact in by_name["read"]["outputs"]["artifacts"]}
    assert logs == {"main-logs"}
    unknown = place.finished("unknown", 30)
    assert "there is no artifact driver 'nobody'" in json.dumps(unknown["status"])
    place.kubectl("delete", "workflow", "all", "--timeout=120s")
    left = {"entrypoint": "a", "podSpecPatch": spec(place.namespace)["podSpecPatch"], "templates": [{"name": "a", "data": {
        "source": {"artifactPaths": {"name": "all", "plugin": {"key": f"{place.namespace}/many"}}}, "transformation": [{"expression": "data"}]}}]}  # fmt: skip
    assert place.finished(place.submit("left", left), 120)["status"]["nodes"]["left"]["outputs"]["result"] == "[]"


def test_a_driver_that_is_deaf_to_its_end_holds_no_node(place: Station) -> None:
    made = spec(place.namespace)
    patch = json.loads(made["podSpecPatch"])
    patch["initContainers"][0]["env"] = [{"name": "DEAF", "value": "1"}]
    patch["terminationGracePeriodSeconds"] = 120
    container = {"image": "alpine", "command": ["sh", "-c", "echo kept > /f"]}
    template = {"name": "a", "container": container, "outputs": {"artifacts": [{"name": "file", "path": "/f"}]}}
    found = place.finished(place.submit("deaf", {"entrypoint": "a", "podSpecPatch": json.dumps(patch), "templates": [template]}), 100)
    assert found["status"]["phase"] == "Succeeded", found["status"]
    assert {one["name"] for one in found["status"]["nodes"]["deaf"]["outputs"]["artifacts"]} == {"file", "main-logs"}
    (pod,) = json.loads(place.kubectl("get", "pods", "-l", "workflows.argoproj.io/workflow=deaf", "-o", "json"))["items"]
    assert pod["status"]["phase"] == "Running", "the driver still runs"
    place.kubectl("delete", "pod", pod["metadata"]["name"], "--grace-period=0", "--force")

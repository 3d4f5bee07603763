"""Logs and artifacts over HTTP: of pods that are there, of the store when they are gone; and files that are uploaded."""

import asyncio
import base64
import gzip
import http.server
import io
import json
import subprocess
import tarfile
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.integration.server.serving import ARGO, SPEC, TOKEN, Served, running
from tests.servers import doubles
from tests.servers.driver import serve
from tests.servers.nginx import nginx
from tests.servers.repository import Repository
from tests.servers.serving import serving

from tiphys.cluster.connection import Access
from tiphys.local.objects import Place
from tiphys.model.names import pod_name
from tiphys.model.parse import parse_as
from tiphys.server.kept import Kept, Settled
from tiphys.server.subject import Gate
from tiphys.settings.configuration import Configuration
from tiphys.testing.apiserver import APIServer
from tiphys.testing.apiserver.kubelet import Ending
from tiphys.testing.apiserver.rights import User

PACKAGES = Path(__file__).parents[2] / "servers/packages"
REPOSITORY = {"s3": {"endpoint": "this-machine", "bucket": "b"}}
POD = {"id": "w", "name": "w", "displayName": "w", "type": "Pod", "phase": "Succeeded", "templateName": "main"}


class Stored(Served):
    """The server, and a folder of artifacts."""

    folder: Path

    def put_file(self, key: str, content: bytes) -> None:
        path = self.folder / "b" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def put_workflow(
        self, name: str, *artifacts: dict[str, Any], nodes: dict[str, dict[str, Any]] | None = None, **more: Any
    ) -> None:
        node = {**POD, "id": name, "name": name, "outputs": {"artifacts": list(artifacts)}, **more}
        known = {"artifactRepositoryRef": {"default": True, "artifactRepository": REPOSITORY}}
        self.put(name, status={"phase": "Succeeded", "finishedAt": "2026-01-01T00:00:00Z", "nodes": nodes or {name: node}, **known})

    async def get(self, path: str, who: str = "secret") -> tuple[int, bytes, aiohttp.typedefs.LooseHeaders]:
        headers = {"Authorization": f"Bearer {who}"}
        async with self.session.get(self.address + path, headers=headers, allow_redirects=False) as answer:
            return answer.status, await answer.read(), answer.headers

    async def lines(self, path: str) -> list[str]:
        status, content, _ = await self.get(f"/api/v1/workflows/ns/{path}")
        assert status == 200, content
        return [json.loads(line)["result"]["content"] for line in content.splitlines()]


@pytest.fixture
async def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stored]:
    monkeypatch.setenv("TIPHYS_LOCAL_ARTIFACTS", str(tmp_path))
    settled = Settled(parse_as(Configuration, {"artifactRepository": REPOSITORY}))

    async def ask() -> Settled:
        return settled

    async with APIServer() as cluster:
        cluster.users.add("secret", User("somebody", lambda *_: True))
        cluster.users.add("reader", User("reader", lambda verb, *_: verb in ("get", "list")))
        cluster.users.add("stranger", User("stranger", lambda *_: False))
        gate = Gate(access=Access(server=cluster.address), modes=frozenset({"client"}))
        async with running(cluster, gate, Kept(ask)) as served:
            made = Stored(served.cluster, served.address, served.session)
            made.folder = tmp_path
            yield made


async def print_by_pod(stored: Stored, name: str, log: bytes, **labels: str) -> None:
    place = Place("api/v1", "pods", "ns", name)
    stored.cluster.kubelet.behave = lambda _pod: Ending(log=log)
    meta = {"name": name, "labels": {"workflows.argoproj.io/workflow": "w", **labels}}
    stored.cluster.store.create(place, {"metadata": meta, "spec": {"containers": [{"name": "main"}]}})
    while stored.cluster.store.read(place).get("status", {}).get("phase") != "Succeeded":
        await stored.cluster.store.changed.wait()


def saved(key: str, name: str = "main-logs") -> dict[str, Any]:
    return {"name": name, "s3": {"key": key}}


async def test_logs_of_a_pod_that_is_gone_are_those_that_were_stored(stored: Stored) -> None:
    stored.put_workflow("w", saved("w/main.log"))
    stored.put_file("w/main.log", b"one\ntwo\nthree\n")
    assert await stored.lines("w/log") == ["one", "two", "three"]
    assert await stored.lines("w/log?logOptions.tailLines=1") == ["three"]
    assert await stored.lines("w/log?grep=^t") == ["two", "three"]
    assert await stored.lines("w/log?logOptions.limitBytes=5") == ["one", "t"]
    assert await stored.lines("w/log?logOptions.follow=true") == ["one", "two", "three"]
    assert await stored.lines("w/log?podName=other") == []
    assert await stored.lines("w/w/log") == ["one", "two", "three"]
    assert "no logs" in (await stored.lines("w/log?logOptions.container=side"))[0]
    for bad in ("grep=(", "logOptions.tailLines=x", "logOptions.sinceTime=x", "podName=../x"):
        assert (await stored.get(f"/api/v1/workflows/ns/w/log?{bad}"))[0] == 400, bad
    assert (await stored.get("/api/v1/workflows/ns/missing/log"))[0] == 404


async def test_logs_of_several_pods_come_in_the_order_in_which_they_were_printed(stored: Stored) -> None:
    nodes = {}
    for name, times in (("a", (1, 4, 5)), ("b", (2, 3, 6))):
        pod = pod_name("w", name, "main")
        await print_by_pod(stored, pod, "".join(f"{name}{at}\n" for at in times).encode())
        stored.cluster.kubelet.times[Place("api/v1", "pods", "ns", pod)] = tuple(f"2026-01-01T00:00:0{at}.5Z" for at in times)
        began = f"2026-01-01T00:00:0{times[0]}Z"
        nodes[name] = {"id": name, "name": name, "type": "Pod", "phase": "Succeeded", "templateName": "main", "startedAt": began}
    stored.put_file("kept/main.log", b"old\nlog\n")
    kept = {"id": "kept", "name": "kept", "type": "Pod", "phase": "Succeeded", "templateName": "main", "startedAt": "2026-01-01T00:00:04Z"}
    nodes["kept"] = {**kept, "outputs": {"artifacts": [saved("kept/main.log")]}}
    stored.put_workflow("w", nodes=nodes)
    assert await stored.lines("w/log") == ["a1", "b2", "b3", "old", "log", "a4", "a5", "b6"]
    assert await stored.lines("w/log?grep=[ab]&logOptions.tailLines=2&logOptions.timestamps=true") == [
        f"2026-01-01T00:00:0{at}.5Z {line}" for at, line in ((3, "b3"), (4, "a4"), (5, "a5"), (6, "b6"))
    ]
    assert await stored.lines("w/log?logOptions.limitBytes=5") == ["a1", "b2", "b3", "old", "l", "a4"]


async def test_the_api_server_gets_what_is_wanted_of_a_log_and_selectors_choose_pods(stored: Stored) -> None:
    await print_by_pod(stored, "w", b"one\ntwo\n", part="a")
    stored.put_workflow("w")
    asked = ("tailLines=1", "sinceSeconds=60", "previous=true", "timestamps=true", "limitBytes=9", "container=main")
    query = "&".join(f"logOptions.{one}" for one in asked) + "&logOptions.sinceTime=2026-01-01T00:00:00Z"
    await stored.lines(f"w/log?{query}")
    assert stored.cluster.log_queries.pop() == {
        "container": "main", "tailLines": "1", "sinceTime": "2026-01-01T00:00:00Z", "sinceSeconds": "60", "previous": "true",
        "timestamps": "true", "limitBytes": "9",
    }  # fmt: skip
    assert await stored.lines("w/log?selector=part=a") == ["one", "two"]
    assert await stored.lines("w/log?selector=part=b") == []


async def test_a_followed_log_goes_on_until_the_workflow_ends(stored: Stored) -> None:
    stored.put_workflow("w", phase="Running")
    place = Place(ARGO, "workflows", "ns", "w")
    running_ = stored.stored("w")
    stored.cluster.store.replace(place, {**running_, "status": {**running_["status"], "phase": "Running"}})
    await print_by_pod(stored, "w", b"one\n")
    async with stored.session.get(f"{stored.address}/api/v1/workflows/ns/w/log?logOptions.follow=true", headers=TOKEN) as answer:
        assert json.loads(await answer.content.readline())["result"] == {"content": "one", "podName": "w"}
        assert not answer.content.at_eof()
        now = stored.stored("w")
        stored.cluster.store.replace(place, {**now, "status": {**now["status"], "phase": "Succeeded"}})
        assert await asyncio.wait_for(answer.content.read(), 10) == b""


async def test_artifacts_are_files_with_safe_headers(stored: Stored) -> None:
    stored.put_workflow("w", saved("w/page.html", "page"), saved("w/data.tgz", "data"), saved("w/none", "none"))
    page = b"<script>alert(1)</script>" * 100_000
    stored.put_file("w/page.html", page)
    stored.put_file("w/data.tgz", gzip.compress(b"x"))
    for path in ("/artifacts/ns/w/w/page", "/artifact-files/ns/workflows/w/w/outputs/page"):
        status, content, headers = await stored.get(path)
        assert (status, content, headers["Content-Type"]) == (200, page, "text/html; charset=utf-8")
        assert headers["Content-Security-Policy"].startswith("sandbox")
        assert "script-src" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Disposition"] == "inline; filename*=UTF-8''page.html"
    assert (await stored.get("/artifacts/ns/w/w/data"))[2]["Content-Type"] == "application/octet-stream"
    for missing in ("/artifacts/ns/w/w/none", "/artifacts/ns/w/w/nothing", "/artifacts/ns/w/nobody/page", "/artifacts/ns/x/w/page",
                    "/input-artifacts/ns/w/w/page", "/artifact-files/ns/workflows/w/w/inputs/page"):  # fmt: skip
        assert (await stored.get(missing))[0] == 404, missing
    for bad in ("/artifact-files/ns/pods/w/w/outputs/page", "/artifact-files/ns/workflows/w/w/sideways/page"):
        assert (await stored.get(bad))[0] == 400, bad
    assert (await stored.get("/artifacts/ns/w/w/page", "stranger"))[0] == 403
    assert (await stored.get("/artifacts/ns/w/w/page", "fake"))[0] == 401


async def test_the_administrator_says_what_browsers_are_told_of_artifacts(stored: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    stored.put_workflow("w", saved("w/page.html", "page"))
    stored.put_file("w/page.html", b"<p>hello</p>")

    async def headers() -> tuple[str, str]:
        status, _, found = await stored.get("/artifacts/ns/w/w/page")
        assert status == 200
        return found["Content-Security-Policy"], found["X-Frame-Options"]

    policy, framed = await headers()
    assert (policy.startswith("sandbox"), framed) == (True, "SAMEORIGIN")
    monkeypatch.setenv("ARGO_ARTIFACT_CONTENT_SECURITY_POLICY", "default-src 'self'")
    monkeypatch.setenv("ARGO_ARTIFACT_X_FRAME_OPTIONS", "DENY")
    assert await headers() == ("default-src 'self'", "DENY")
    monkeypatch.setenv("ARGO_ARTIFACT_X_FRAME_OPTIONS", "DENY\r\nX-Other: 1")
    assert (await stored.get("/artifacts/ns/w/w/page"))[0] == 400
    monkeypatch.setenv("ARGO_ARTIFACT_SERVER", "false")
    assert (await stored.get("/artifacts/ns/w/w/page"))[0] == 501


async def test_folders_are_lists_of_links_and_nothing_outside_is_reached(stored: Stored) -> None:
    stored.put_workflow("w", saved("w/all", "all"), saved("w/site", "site"))
    stored.put_file("w/all/a b<.txt", b"a")
    stored.put_file("w/all/deep/down.txt", b"down")
    stored.put_file("w/site/index.html", b"<p>hello</p>")
    stored.put_file("secret.txt", b"no")
    base = "/artifact-files/ns/workflows/w/w/outputs"
    status, _, headers = await stored.get(f"{base}/all")
    assert (status, headers["Location"]) == (307, "./all/")
    status, content, headers = await stored.get(f"{base}/all/")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert b'<a href="./a%20b%3C.txt">a b&lt;.txt</a>' in content
    assert b'<a href="./deep/">deep/</a>' in content
    assert (await stored.get(f"{base}/all/deep/down.txt"))[1] == b"down"
    assert (await stored.get(f"{base}/site/"))[2]["Location"] == "./index.html"
    assert (await stored.get(f"{base}/site/index.html"))[1] == b"<p>hello</p>"
    for path in ("%2e%2e/%2e%2e/secret.txt", "..%2f..%2fsecret.txt", "x%2f..%2f..%2f..%2fsecret.txt"):
        status, content, _ = await stored.get(f"{base}/all/{path}")
        assert (status in (400, 404, 501), content == b"no") == (True, False), path


async def test_nothing_is_asked_of_places_that_only_the_servers_machine_may_ask(stored: Stored) -> None:
    metadata = {"endpoint": "169.254.169.254", "insecure": True, "bucket": "latest", "key": "meta-data/iam"}
    stored.put_workflow(
        "w", {"name": "machine", "s3": metadata}, {"name": "web", "http": {"url": "http://169.254.169.254/latest"}},
        {"name": "text", "raw": {"data": "said in the workflow itself"}},
    )  # fmt: skip
    assert (await stored.get("/artifacts/ns/w/w/machine"))[0] == 403
    assert (await stored.get("/artifacts/ns/w/w/web"))[0] == 403
    assert (await stored.get("/artifacts/ns/w/w/text"))[:2] == (200, b"said in the workflow itself")


@pytest.fixture
def web() -> Iterator[str]:
    """A web server that says who asked, and one file."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = f"{self.headers.get('Authorization', '')} asked for {self.path}".encode()
            self.send_response(200 if self.path != "/none" else 404)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with serving(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as server:
        yield f"127.0.0.1:{server.server_port}"


async def test_files_of_web_servers_and_of_hdfs_are_served(stored: Stored, web: str) -> None:
    with doubles.hdfs() as hdfs:
        hdfs.files["/folder/a.txt"] = b"of hdfs"
        place = {"addresses": [hdfs.url], "hdfsUser": "tester"}
        stored.put_workflow(
            "w", {"name": "web", "http": {"url": f"http://user:word@{web}/a%20b.html?x=1"}}, {"name": "gone", "http": {"url": f"http://{web}/none"}},
            {"name": "jfrog", "artifactory": {"url": f"http://{web}/repo/file"}},
            {"name": "file", "hdfs": {**place, "path": "/folder/a.txt"}}, {"name": "folder", "hdfs": {**place, "path": "/folder"}},
        )  # fmt: skip
        status, content, headers = await stored.get("/artifacts/ns/w/w/web")
        assert (status, content) == (200, b"Basic dXNlcjp3b3Jk asked for /a%20b.html?x=1")
        assert headers["Content-Disposition"] == "inline; filename*=UTF-8''a%20b.html"
        assert "Accept-Ranges" not in headers
        assert (await stored.get("/artifacts/ns/w/w/gone"))[0] == 404
        assert (await stored.get("/artifacts/ns/w/w/jfrog"))[1] == b" asked for /repo/file"
        assert (await stored.get("/artifacts/ns/w/w/file"))[:2] == (200, b"of hdfs")
        base = "/artifact-files/ns/workflows/w/w/outputs"
        assert b'href="./a.txt"' in (await stored.get(f"{base}/folder/"))[1]
        assert (await stored.get(f"{base}/folder/a.txt"))[1] == b"of hdfs"
        # another file of the same server was offered by nobody
        assert (await stored.get(f"{base}/web/other"))[0] == 404


async def test_artifacts_of_a_driver_beside_the_server_are_served(stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(prefix="drivers-") as sockets:  # a socket's path is at most 107 bytes
        monkeypatch.setenv("TIPHYS_DRIVERS", sockets)
        (Path(sockets) / "theirs").mkdir()
        (tmp_path / "driven/folder").mkdir(parents=True)
        (tmp_path / "driven/folder/a.txt").write_text("of the driver")
        place = {"name": "theirs", "configuration": "{}", "key": "folder"}
        stored.put_workflow("w", {"name": "one", "plugin": {**place, "key": "folder/a.txt"}}, {"name": "many", "plugin": place},
                            {"name": "none", "plugin": {**place, "name": "nobody"}})  # fmt: skip
        server = serve(f"{sockets}/theirs/socket", tmp_path / "driven")
        try:
            assert (await stored.get("/artifacts/ns/w/w/one"))[:2] == (200, b"of the driver")
            base = "/artifact-files/ns/workflows/w/w/outputs/many"
            assert b'href="./a.txt"' in (await stored.get(f"{base}/"))[1]
            assert (await stored.get(f"{base}/a.txt"))[:2] == (200, b"of the driver")
            status, content, _ = await stored.get("/artifacts/ns/w/w/none")
            assert (status, b"no artifact driver 'nobody' runs here" in content) == (400, True)
        finally:
            await asyncio.to_thread(server.stop(0).wait)


@pytest.fixture(scope="module")
def _packages() -> None:
    subprocess.run([PACKAGES], check=True, capture_output=True)


@pytest.mark.usefixtures("_packages")
async def test_a_repository_is_served_as_files_folders_and_an_archive(stored: Stored, tmp_path: Path) -> None:
    with nginx(tmp_path / "web", repos=Repository(tmp_path / "git").folder) as web:
        repo = {"repo": f"{web.url}/public/app.git", "revision": "v1.0"}
        stored.put_workflow("w", {"name": "src", "git": repo}, {"name": "gone", "git": {**repo, "revision": "none"}})
        status, content, headers = await stored.get("/artifacts/ns/w/w/src")
        assert (status, headers["Content-Disposition"]) == (200, "inline; filename*=UTF-8''src.tgz")
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            assert archive.getnames() == ["VERSION"]
        base = "/artifact-files/ns/workflows/w/w/outputs/src"
        assert b'href="./VERSION"' in (await stored.get(f"{base}/"))[1]
        assert (await stored.get(f"{base}/VERSION"))[:2] == (200, b"1.0\n")
        assert (await stored.get(f"{base}/none"))[0] == 404
        assert (await stored.get("/artifacts/ns/w/w/gone"))[0] == 404


async def test_a_server_in_a_pod_asks_nothing_of_its_own_pod_whatever_it_is_called(
    stored: Stored, web: str, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    port = web.partition(":")[2]
    names = ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]")
    stored.put_workflow("w", *({"name": f"web{i}", "http": {"url": f"http://{name}:{port}/x"}} for i, name in enumerate(names)))
    assert (await stored.get("/artifacts/ns/w/w/web1"))[0] == 200
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    for i in range(len(names)):
        status, content, _ = await stored.get(f"/artifacts/ns/w/w/web{i}")
        assert (status, b"asked for" in content) == (403, False), names[i]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "2130706433", "[::1]", "169.254.169.254\\@minio", "a@127.0.0.1"])
async def test_object_stores_of_its_own_pod_are_not_asked_whatever_they_are_called(stored: Stored, monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    stored.cluster.store.create(Place("api/v1", "secrets", "ns", "gcs"), {"metadata": {"name": "gcs"}, "data": {
        "key": base64.b64encode(json.dumps({"gcs_base_url": f"http://{host}:1", "disable_oauth": True, "client_email": "", "private_key": "",
                                            "private_key_id": ""}).encode()).decode()}})  # fmt: skip
    keys = {"accessKeySecret": {"name": "gcs", "key": "key"}, "secretKeySecret": {"name": "gcs", "key": "key"}}
    places: dict[str, Any] = {
        "s3": {"endpoint": f"{host}:1", "bucket": "b", "key": "k", "insecure": True, **keys}, "oss": {"endpoint": f"http://{host}:1", "bucket": "b", "key": "k", **keys},
        "azure": {"endpoint": f"http://{host}:1/account", "container": "c", "blob": "k"},
        "gcs": {"bucket": "b", "key": "k", "serviceAccountKeySecret": {"name": "gcs", "key": "key"}},
    }  # fmt: skip
    stored.put_workflow("w", *({"name": kind, kind: place} for kind, place in places.items()))
    for kind in places:
        status, content, _ = await stored.get(f"/artifacts/ns/w/w/{kind}")
        assert status in (400, 403), (kind, content)
        assert b"not served" in content or b"no plain host" in content, (kind, content)


async def test_a_part_of_a_file_is_given_where_it_is_asked_for(stored: Stored) -> None:
    content = bytes(range(256)) * 40_000
    stored.put_workflow("w", saved("w/big", "big"))
    stored.put_file("w/big", content)
    size = len(content)
    path = f"{stored.address}/artifacts/ns/w/w/big"
    for asked, want in (("0-9", content[:10]), ("5000000-5000099", content[5_000_000:5_000_100]), ("-7", content[-7:]), (f"{size - 3}-", content[-3:]),
                        (f"{size - 3}-{2 * size}", content[-3:])):  # fmt: skip
        async with stored.session.get(path, headers={**TOKEN, "Range": f"bytes={asked}"}) as answer:
            assert (answer.status, await answer.read()) == (206, want), asked
            assert answer.headers["Content-Range"].endswith(f"/{size}")
    async with stored.session.get(path, headers={**TOKEN, "Range": f"bytes={size}-"}) as answer:
        assert (answer.status, answer.headers["Content-Range"]) == (416, f"bytes */{size}")
    for whole in ({"Range": "bytes=0-1,5-6"}, {"Range": "lines=1-2"}, {"Range": "bytes=0-1", "If-Range": '"x"'}, {}):
        async with stored.session.get(path, headers={**TOKEN, **whole}) as answer:
            assert (answer.status, answer.headers["Content-Length"]) == (200, str(size))
            assert await answer.read() == content
    async with stored.session.head(path, headers=TOKEN) as answer:
        assert (answer.status, answer.headers["Content-Length"], answer.headers["Accept-Ranges"]) == (200, str(size), "bytes")
    async with stored.session.head(path + "x", headers=TOKEN) as answer:
        assert answer.status == 404


async def send(stored: Stored, token: str, artifact: str = "input", name: str = "../my file.txt", field: str = "file") -> Any:
    form = aiohttp.FormData(quote_fields=False)
    form.add_field(field, b"content" * 1000, filename=name)
    headers = {"Authorization": f"Bearer {token}"}
    path = f"{stored.address}/upload-artifacts/ns/t/{artifact}"
    async with stored.session.post(path, data=form, headers=headers) as answer:
        return answer.status, await answer.json()


async def test_an_uploaded_file_is_an_argument_of_what_is_submitted_next(
    stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    needs = {"inputs": {"artifacts": [{"name": "input", "path": "/in"}]}, **SPEC["templates"][0]}
    place = Place(ARGO, "workflowtemplates", "ns", "t")
    stored.cluster.store.create(place, {"metadata": {"name": "t"}, "spec": {"entrypoint": "main", "templates": [needs]}})
    status, said = await send(stored, "secret")
    assert status == 200, said
    assert said["name"] == "input"
    assert said["key"].startswith("uploads/ns/")
    assert said["key"].endswith("/my_file.txt")
    assert (stored.folder / "b" / said["key"]).read_bytes() == b"content" * 1000
    asked = {"resourceKind": "WorkflowTemplate", "resourceName": "t", "submitOptions": {"artifacts": [f"input={said['key']}"]}}
    status, made = await stored.ask("POST", "/api/v1/workflows/ns/submit", asked)
    assert (status, made["spec"]["arguments"]["artifacts"][0]["s3"]["key"]) == (200, said["key"])
    assert (await send(stored, "reader"))[0] == 403
    assert (await send(stored, "fake"))[0] == 401
    assert (await send(stored, "secret", artifact="other"))[0] == 404
    assert (await send(stored, "secret", field="else"))[0] == 400
    assert (await send(stored, "secret", name=".."))[0] == 400
    monkeypatch.setenv("ARGO_SERVER_MAX_ARTIFACT_UPLOAD_BYTES", "100")
    status, said = await send(stored, "secret")
    assert (status, "longer than 100" in said["message"]) == (400, True)

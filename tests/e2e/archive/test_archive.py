"""The archive on a real cluster with a real PostgreSQL, then a real MariaDB: what an administrator configures, what users see.

Two controllers run at once, over a database that Argo made and filled; it is killed while workflows finish.
"""

import base64
import concurrent.futures
import json
import pathlib
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.databases import argo
from tests.databases.servers import PASSWORD, MariaDB, Postgres, Server, install
from tests.e2e.conftest import Cluster, ControllerProcess, run
from tests.e2e.server.client import Argo, serving

STATUS = "workflows.argoproj.io/workflow-archiving-status"
INSTANCE = "workflows.argoproj.io/controller-instanceid"
MANY = 200


class Site:
    """A namespace with a database and two controllers for its workflows alone."""

    def __init__(self, kubeconfig: str, image: str, folder: pathlib.Path, server: Server) -> None:
        self.server = server
        self.namespace = f"e2e-{uuid.uuid4().hex[:8]}"
        run("kubectl", "--kubeconfig", kubeconfig, "create", "namespace", self.namespace)
        config = json.loads(pathlib.Path(kubeconfig).read_text())
        for context in config["contexts"]:
            context["context"]["namespace"] = self.namespace
        (folder / "kubeconfig").write_text(json.dumps(config))
        self.cluster = Cluster(str(folder / "kubeconfig"), self.namespace)
        database = {"host": server.host, "port": server.port, "database": "tiphys", "userNameSecret": {"name": "db", "key": "username"},
                    "passwordSecret": {"name": "db", "key": "password"}}  # fmt: skip
        persistence = {"archive": True, "nodeStatusOffLoad": True, server.kind: database}
        self.cluster.kubectl("create", "secret", "generic", "db", "--from-literal=username=tiphys", f"--from-literal=password={PASSWORD}")
        self.cluster.kubectl("create", "configmap", "workflow-controller-configmap", f"--from-literal=persistence={json.dumps(persistence)}")
        arguments = ("--managed-namespace", self.namespace, "--instance-id", self.namespace)
        self.controllers = [ControllerProcess(str(folder / "kubeconfig"), image, folder / f"log-{n}", *arguments) for n in range(2)]

    def close(self) -> None:
        logs = "".join(controller.log.read_text() for controller in self.controllers)
        codes = [controller.stop() for controller in self.controllers]
        self.cluster.kubectl("delete", "namespace", self.namespace, "--wait=false")
        assert codes == [0, 0]
        assert PASSWORD not in logs
        assert "broke the controller" not in logs

    def create(self, name: str, template: dict[str, Any], **spec: Any) -> dict[str, Any]:
        """A workflow of one template."""
        return {
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow",
            "metadata": {"name": name, "namespace": self.namespace, "labels": {INSTANCE: self.namespace, "kind": name.split("-", maxsplit=1)[0]}},
            "spec": {"entrypoint": "main", "templates": [{"name": "main", **template}], **spec},
        }  # fmt: skip

    def apply(self, *manifests: dict[str, Any]) -> None:
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)})
        self.cluster.kubectl("create", "-f", "-", stdin=text)

    def workflows(self) -> dict[str, dict[str, Any]]:
        items = json.loads(self.cluster.kubectl("get", "workflows", "-o", "json"))["items"]
        return {item["metadata"]["name"]: item for item in items}

    def archived(self, name: str) -> bool:
        return bool(self.workflows()[name]["metadata"]["labels"].get(STATUS) == "Archived")


def eventually(reached: Callable[[], Any], seconds: float = 120) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = reached()
        if found:
            return found
        time.sleep(0.5)
    raise AssertionError(f"not reached in {seconds} s")


@pytest.fixture(scope="module", params=["postgresql", "mysql"])
def site(request: pytest.FixtureRequest, kubeconfig: str, image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    install()
    server: Server = Postgres() if request.param == "postgresql" else MariaDB()
    server.start()
    server.sql(argo.schema(server.kind))
    server.sql("\n".join(argo.insert(server.kind, number) for number in range(1, 6)))
    one = Site(kubeconfig, image, tmp_path_factory.mktemp(request.param), server)
    yield one
    one.close()
    server.stop()


POD = {"container": {"image": "alpine", "command": ["sh", "-c", "echo said"]}}


def test_nothing_that_a_secret_fed_is_in_the_database(site: Site) -> None:
    """A real pod has it in its environment and in a file; what is kept names where it came from."""
    secret = {"valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}
    script = 'test "$KEY" = "$(cat /secret/password)" && echo "$KEY" && printf %s "${#KEY}" > /tmp/length'
    fed = {
        "container": {"image": "alpine", "command": ["sh", "-c", script], "env": [{"name": "KEY", **secret}], "volumeMounts": [{"name": "secret", "mountPath": "/secret"}]},
        "outputs": {"parameters": [{"name": "length", "valueFrom": {"path": "/tmp/length"}}]},  # noqa: S108
    }  # fmt: skip
    site.apply(site.create("fed", fed, volumes=[{"name": "secret", "secret": {"secretName": "db"}}]))
    eventually(lambda: site.archived("fed"))
    copy = json.loads(site.cluster.tiphys("archive", "get", "fed", "-o", "json"))
    node = next(iter(copy["status"]["nodes"].values()))
    assert node["outputs"]["parameters"][0]["value"] == str(len(PASSWORD)), copy["status"]
    tables = ("argo_archived_workflows", "argo_archived_workflows_labels", "argo_workflows", "tiphys_archived_summaries", "tiphys_archived_labels_by_time")
    everything = "".join(site.server.sql(f"select * from {table};") for table in tables)  # noqa: S608
    assert "secretKeyRef" in everything
    assert PASSWORD not in everything
    assert base64.b64encode(PASSWORD.encode()).decode() not in everything


def test_a_finished_workflow_is_archived_shown_and_resubmitted_after_its_object_is_gone(site: Site) -> None:
    site.apply(site.create("one", POD))
    eventually(lambda: site.archived("one"))
    live = site.cluster.workflow("one")
    assert live["status"]["phase"] == "Succeeded"
    site.cluster.kubectl("delete", "workflow", "one")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        kept = pool.submit(site.cluster.tiphys, "archive", "get", "one", "-o", "json")
        tree = pool.submit(site.cluster.tiphys, "get", "one")
        again = pool.submit(site.cluster.tiphys, "archive", "resubmit", "one", "-o", "name")
    copy = json.loads(kept.result())
    assert copy["status"] == live["status"]
    assert copy["metadata"]["uid"] == live["metadata"]["uid"]
    assert copy["metadata"]["labels"][STATUS] == "Persisted"
    assert "Succeeded" in tree.result()
    name = again.result().strip()
    eventually(lambda: site.archived(name))
    assert site.cluster.workflow(name)["status"]["phase"] == "Succeeded"


def test_argos_own_command_line_lists_retries_resubmits_and_deletes_what_is_archived(site: Site) -> None:
    message = {"name": "message", "value": "bad"}
    main = {"container": {"image": "alpine", "command": ["sh", "-c", "[ {{workflow.parameters.message}} = good ]"]}}
    site.apply(site.create("kept", main, arguments={"parameters": [message]}))
    eventually(lambda: site.archived("kept"))
    old = site.workflows()["kept"]
    uid = old["metadata"]["uid"]
    assert old["status"]["phase"] == "Failed"
    site.cluster.kubectl("delete", "workflow", "kept")
    with serving(site.cluster.kubeconfig, "--auth-mode", "server", "--managed-namespace", site.namespace) as address:
        # the command wants a token, the server in this mode none
        served = {"ARGO_SERVER": address, "ARGO_HTTP1": "true", "ARGO_SECURE": "false", "ARGO_TOKEN": "Bearer none", "KUBECONFIG": "/dev/null"}
        ask = Argo(site.namespace, served)
        assert "kept" in ask.run("archive", "list")
        assert ask.run("archive", "list", "-l", "kind=other", "-o", "name").strip() in ("", "No workflows found")
        assert json.loads(ask.run("archive", "get", uid, "-o", "json"))["status"] == old["status"]
        assert "kind" in ask.run("archive", "list-label-keys").split()
        assert "kept" in ask.run("archive", "list-label-values", "-l", "kind").split()
        # of the outputs that it names it knows JSON and YAML here
        name = json.loads(ask.run("archive", "resubmit", uid, "-p", "message=good", "-o", "json"))["metadata"]["name"]
        ask.run("archive", "retry", uid, "-p", "message=good", "--wait")
        ask.run("wait", name)
        assert {one: site.workflows()[one]["status"]["phase"] for one in ("kept", name)} == {"kept": "Succeeded", name: "Succeeded"}
        again = site.workflows()["kept"]["metadata"]["uid"]
        eventually(lambda: site.archived("kept") and site.archived(name))
        assert json.loads(ask.run("archive", "get", again, "-o", "json"))["status"]["phase"] == "Succeeded"
        ask.run("archive", "delete", uid)
        ask.run("archive", "get", uid, code=1)


def test_what_argo_archived_is_there_beside_what_we_archive(site: Site) -> None:
    names = site.cluster.tiphys("archive", "list", "-A", "-o", "name").split()
    assert {f"argo-{number}" for number in range(1, 6)} <= set(names)
    assert "one" in names
    assert json.loads(site.cluster.tiphys("archive", "get", "3f0c-2", "--uid", "-o", "json")) == argo.workflow(2)
    assert "to convert:   5" in site.cluster.tiphys("db", "status")


def test_a_database_that_is_killed_while_200_workflows_finish_loses_none(site: Site) -> None:
    wait = {"suspend": {"duration": "2"}}
    spec = {"ttlStrategy": {"secondsAfterCompletion": 1}}
    site.apply(*(site.create(f"many-{n:03}", POD if n % 20 == 0 else wait, **spec) for n in range(MANY)))

    def finished() -> int:
        # those that are gone had ended, too
        return MANY - sum(one.get("status", {}).get("phase") != "Succeeded" for one in site.workflows().values())

    eventually(lambda: finished() >= 20)
    site.server.kill()
    phases = eventually(lambda: not [one for one in site.workflows().values() if one.get("status", {}).get("phase") != "Succeeded"])
    assert phases
    # what was saved just before the end of the database has its label by then
    eventually(lambda: all("tiphys_archive_up 0.0" in controller.metrics() for controller in site.controllers))
    waiting = [one for one in site.workflows().values() if one["metadata"]["labels"].get(STATUS) == "Pending"]
    assert waiting
    no_time_left = 'queue_depth_gauge{queue_name="workflow_ttl_queue"} 0.0'
    eventually(lambda: all(no_time_left in controller.metrics() for controller in site.controllers))
    # their time to live is over, and yet they are kept
    assert {one["metadata"]["name"] for one in waiting} <= set(site.workflows())
    site.controllers[0].kill()
    site.server.start()
    site.controllers[0].start()
    eventually(lambda: not [name for name in site.workflows() if name.startswith("many-")])
    rows = site.server.sql("select name, count(*) from argo_archived_workflows where name like 'many-%' group by name;").split("\n")
    assert len([row for row in rows if row]) == MANY
    assert all(row.replace("|", "\t").endswith("\t1") for row in rows if row)
    labels = site.server.sql("select count(*) from argo_archived_workflows_labels where name = 'kind' and value = 'many';")
    assert int(labels) == MANY

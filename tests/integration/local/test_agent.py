"""What a workflow's agent does on this machine: http templates against a real server, and executor plugins as processes."""

import contextlib
import http.server
import json
import signal
import threading
from collections.abc import Iterator

import pytest
from tests.integration.local.conftest import Home, nodes
from tests.integration.local.test_terminals import nodes_of
from tests.servers.process import free_port
from tests.servers.serving import serving

KEPT = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: token}\nstringData: {t: s3cret}\n"
ASKS = (
    "entrypoint: main\ntemplates:\n"
    "- {name: main, dag: {tasks: [{name: get, template: get}, {name: bad, template: bad}, {name: say, template: say, depends: get,"
    " arguments: {parameters: [{name: x, value: '{{tasks.get.outputs.result}}'}]}}]}}\n"
    "- {name: get, http: {url: '%(url)s/hello', successCondition: 'response.statusCode == 200',"
    " headers: [{name: X-Token, valueFrom: {secretKeyRef: {name: token, key: t}}}]}}\n"
    "- {name: bad, http: {url: '%(url)s/missing'}}\n"
    "- {name: say, inputs: {parameters: [{name: x}]}, container: {image: alpine, command: [echo, '{{inputs.parameters.x}}']}}\n"
)
PLUGIN = """import http.server, json, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        token = open("/var/run/argo/token").read()
        is_known = self.headers["Authorization"] == "Bearer " + token and len(token) == 64
        said = asked["template"]["plugin"]["greet"]["name"] + " of " + asked["workflow"]["metadata"]["name"]
        node = {"phase": "Succeeded" if is_known else "Failed", "outputs": {"parameters": [{"name": "said", "value": said}]}}
        answer = json.dumps({"node": node}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(answer)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


class Served:
    """A server that remembers what it was asked; `/slow` is answered once it may be.

    Attributes:
        known: Path -> the body of its answer.
    """

    def __init__(self) -> None:
        self.known = {"/hello": b"hi"}
        self.asked: list[tuple[str, str]] = []
        self.may_answer = threading.Event()
        served = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                served.asked.append((self.path, self.headers.get("X-Token", "")))
                if self.path == "/slow":
                    served.may_answer.wait()
                self.send_response(200 if self.path in served.known else 404)
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(served.known.get(self.path, b"none"))

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def served() -> Iterator[Served]:
    one = Served()
    with serving(one.server):
        yield one
        one.may_answer.set()


def with_secret(home: Home) -> str:
    return home.file(KEPT, "secret.yaml")


def test_requests_are_made_here_and_their_answers_pass_on_although_one_step_runs_at_a_time(home: Home, served: Served) -> None:
    done = home.run(home.workflow(ASKS % {"url": served.url}), "--with", with_secret(home), "--parallel", "1", code=1)
    assert nodes(done) == {"w": ("DAG", "Failed"), "get": ("HTTP", "Succeeded"), "bad": ("HTTP", "Failed"), "say": ("Pod", "Succeeded")}
    assert sorted(served.asked) == [("/hello", "s3cret"), ("/missing", "")]
    assert home.tiphys("logs", "w", "--local").endswith(": hi\n")
    messages = {node["displayName"]: node.get("message", "") for node in done["status"]["nodes"].values()}
    assert messages["bad"] == "received non-2xx response code: 404"


def test_a_request_that_failed_is_made_again_by_a_retry_and_no_other(home: Home, served: Served) -> None:
    home.run(home.workflow(ASKS % {"url": served.url}), "--with", with_secret(home), code=1)
    served.known["/missing"] = b"now"
    home.tiphys("retry", "w", "--local")
    home.tiphys("run", "--resume", "w", "--runtime", "process")
    assert nodes_of(home)["bad"] == ("HTTP", "Succeeded")
    assert [path for path, _ in sorted(served.asked)] == ["/hello", "/missing", "/missing"]


def test_a_run_that_is_killed_while_it_waits_for_an_answer_asks_again_and_goes_on(home: Home, served: Served) -> None:
    served.known["/slow"] = b"late"
    process = home.start(home.workflow(f"entrypoint: main\ntemplates:\n- {{name: main, http: {{url: '{served.url}/slow'}}}}\n"))
    home.until(lambda: len(served.asked) == 1)
    home.end(process, signal.SIGKILL)
    served.may_answer.set()
    home.tiphys("run", "--resume", "w", "--runtime", "process")
    assert nodes_of(home)["w"] == ("HTTP", "Succeeded")


def test_a_plugin_runs_beside_the_agent_and_shares_its_token(home: Home) -> None:
    port = free_port()
    container = {"name": "greeter", "image": "python", "command": ["python3", "-c", PLUGIN, str(port)], "ports": [{"containerPort": port}]}
    plugins = json.dumps([{"metadata": {"name": "greeter"}, "spec": {"sidecar": {"container": container}}}])
    done = home.run(home.workflow(
        f"entrypoint: main\nexecutorPlugins: {plugins}\ntemplates:\n"
        "- {name: main, steps: [[{name: greet, template: greet}]]}\n- {name: greet, plugin: {greet: {name: ada}}}\n"
    ))  # fmt: skip
    assert nodes(done)["greet"] == ("Plugin", "Succeeded")
    (said,) = (node["outputs"]["parameters"] for node in done["status"]["nodes"].values() if node["displayName"] == "greet")
    assert said == [{"name": "said", "value": "ada of w"}]

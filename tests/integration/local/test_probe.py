"""Daemons on this machine are waited for until they answer, as their readiness probes say."""

from tests.integration.local.conftest import Home, nodes
from tests.servers.process import free_port

SERVE = (
    "import http.server, sys, time\n"
    "time.sleep(1)\n"
    "http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()\n"
)
ASK = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).status)"


def test_a_daemon_that_is_slow_to_answer_is_waited_for_however_it_is_asked(home: Home) -> None:
    web, socket, mark = free_port(), free_port(), home.folder.parent / "mark"

    def daemon(name: str, command: list[str], probe: str, more: str = "") -> str:
        ready = f"readinessProbe: {{{probe}, periodSeconds: 1}}"
        return f"- {{name: {name}, daemon: true, container: {{image: x, command: {command!r}, {ready}{more}}}}}\n"

    begun = ", ".join(f"{{name: {name}, template: {name}}}" for name in ("web", "socket", "mark"))
    asked = ", ".join(f"{{name: ask-{name}, template: ask-{name}}}" for name in ("web", "socket", "mark"))
    spec = f"entrypoint: main\ntemplates:\n- {{name: main, steps: [[{begun}], [{asked}]]}}\n"
    serve = ["python3", "-c", SERVE]
    spec += daemon("web", [*serve, str(web)], "httpGet: {path: /, port: named}", f", ports: [{{name: named, containerPort: {web}}}]")
    spec += daemon("socket", [*serve, str(socket)], f"tcpSocket: {{port: {socket}}}")
    spec += daemon("mark", ["sh", "-c", f"sleep 1; touch {mark}; sleep 60"], f"exec: {{command: [test, -e, {mark}]}}")
    for name, port in (("web", web), ("socket", socket)):
        spec += f"- {{name: ask-{name}, container: {{image: x, command: {['python3', '-c', ASK, f'http://127.0.0.1:{port}/']!r}}}}}\n"
    spec += f"- {{name: ask-mark, container: {{image: x, command: [test, -e, {mark}]}}}}\n"
    done = home.run(home.workflow(spec), "--parallel", "3")
    assert {phase for _, phase in nodes(done).values()} == {"Succeeded"}


def test_what_a_cluster_would_heed_and_this_machine_does_not_is_said(home: Home) -> None:
    spec = (
        "entrypoint: main\nnodeSelector: {disk: ssd}\nvolumeClaimTemplates: [{metadata: {name: v}, spec: {resources: {}}}]\ntemplates:\n"
        "- {name: main, container: {image: x, command: ['true'], readinessProbe: {grpc: {port: 1}}, securityContext: {runAsUser: 1}}}\n"
    )
    said = home.tiphys("run", home.workflow(spec), "--runtime", "process", code=1)
    assert "not heeded on this machine: nodeSelector, securityContext\n" in said
    assert "container.readinessProbe: this machine makes no such probe (it makes httpGet, tcpSocket, exec)" in said

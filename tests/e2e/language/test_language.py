"""Template types, locks, memos and hooks on a real cluster."""

import json

from tests.e2e.conftest import IMAGE, INSTANCE, INSTANCE_LABEL, ROOT, Cluster, ControllerProcess, nodes

HEAD = "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {{name: {name}, labels: {{{label}: {instance}}}}}\nspec:\n"


def apply(cluster: Cluster, name: str, spec: str) -> None:
    cluster.apply(HEAD.format(name=name, label=INSTANCE_LABEL, instance=INSTANCE) + "\n".join(f"  {line}" for line in spec.strip("\n").splitlines()))


SET = """
entrypoint: main
templates:
- name: main
  steps:
  - - {name: set, template: set}
    - {name: bad, template: bad, continueOn: {failed: true}}
  - - {name: use, template: use, arguments: {parameters: [{name: x, value: "{{steps.set.outputs.result}} {{steps.set.outputs.parameters.p}}"}]}}
- name: set
  volumes: [{name: work, emptyDir: {}}]
  containerSet:
    volumeMounts: [{name: work, mountPath: /work}]
    retryStrategy: {retries: 3, duration: 1s}
    containers:
    - {name: a, image: alpine, command: [sh, -c, "test -e /work/tried || { touch /work/tried; exit 1; }; echo a > /work/trace"]}
    - {name: b, image: alpine, command: [sh, -c, "echo b >> /work/trace"], dependencies: [a]}
    - {name: main, image: alpine, command: [sh, -c, "tr '\\\\n' ' ' < /work/trace; echo out > /tmp/p"], dependencies: [b]}
  outputs: {parameters: [{name: p, valueFrom: {path: /tmp/p}}]}
- name: bad
  containerSet:
    containers:
    - {name: a, image: alpine, command: [sh, -c, "exit 3"]}
    - {name: main, image: alpine, command: [echo, never], dependencies: [a]}
- name: use
  inputs: {parameters: [{name: x}]}
  container: {image: alpine, command: [echo, "{{inputs.parameters.x}}"]}
"""


def messages(found: dict) -> str:
    """Display name, phase and message of each node, for failing tests."""
    return "\n".join(f"{n['displayName']}: {n['phase']} {n.get('message', '')}" for n in found["status"]["nodes"].values())


def test_a_container_set_runs_in_its_order_and_is_retried_inside(cluster: Cluster) -> None:
    apply(cluster, "set", SET)
    found = cluster.finished("set")
    assert found["status"]["phase"] == "Succeeded", messages(found)
    by_name = {node["name"]: node for node in found["status"]["nodes"].values()}
    assert by_name["set[0].set"]["outputs"]["result"] == "a b "
    assert by_name["set[1].use"]["inputs"]["parameters"][0]["value"] == "a b  out"
    assert {by_name[f"set[0].set.{c}"]["phase"] for c in ("a", "b", "main")} == {"Succeeded"}
    assert by_name["set[0].bad.main"]["message"] == 'main: Error (exit code 3): dependency "a" exited with non-zero code: 3'
    assert by_name["set[0].bad.a"]["message"] == "a: Error (exit code 3)"
    assert "a b" in cluster.logs("set")


LOCKED = """
entrypoint: main
templates:
- name: main
  steps: [[{name: s, template: a, withSequence: {count: 4}}]]
- name: a
  synchronization: {semaphores: [{configMapKeyRef: {name: limits, key: two}}], mutexes: []}
  container: {image: alpine, command: [sh, -c, "cut -d' ' -f1 /proc/uptime; sleep 2; cut -d' ' -f1 /proc/uptime"]}
"""
EXCLUSIVE = """
entrypoint: a
synchronization: {mutexes: [{name: one}]}
templates:
- {name: a, container: {image: alpine, command: [sleep, "2"]}}
"""


def test_locks_are_held_waited_for_and_given_back_though_the_controller_is_killed(
    cluster: Cluster, keeper: ControllerProcess
) -> None:
    cluster.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: limits}\ndata: {two: '2'}")
    apply(cluster, "locked", LOCKED)
    for name in ("first", "second"):
        apply(cluster, name, EXCLUSIVE)
    waiting = cluster.wait_until("locked", lambda w: "Waiting for" in json.dumps(w.get("status", {})))
    assert f"Waiting for {cluster.namespace}/ConfigMap/limits/two lock. Lock status: 0/2" in json.dumps(waiting["status"])
    second = cluster.wait_until("second", lambda w: w.get("status", {}).get("phase") in ("Pending", "Running"))
    first = cluster.workflow("first")
    phases = {first["status"]["phase"], second["status"]["phase"]}
    assert phases <= {"Pending", "Running"}
    keeper.kill()
    keeper.log.write_bytes(b"")
    keeper.start()
    found = {name: cluster.finished(name) for name in ("locked", "first", "second")}
    assert {one["status"]["phase"] for one in found.values()} == {"Succeeded"}
    assert all("synchronization" not in one["status"] for one in found.values())
    one, two = sorted((w["status"]["startedAt"], w["status"]["finishedAt"]) for w in (found["first"], found["second"]))
    assert one[1] <= two[0]
    spans = pairs(cluster)
    assert len(spans) == 4
    ends = sorted([(start, 1) for start, _ in spans] + [(end, -1) for _, end in spans])
    at_once = most = 0
    for _, change in ends:
        at_once += change
        most = max(most, at_once)
    assert most == 2
    assert "argo_workflows_locks_taken_total" in keeper.metrics()


def pairs(cluster: Cluster) -> list[list[float]]:
    by_pod: dict[str, list[float]] = {}
    for line in cluster.logs("locked").splitlines():
        pod, _, text = line.partition(": ")
        if text.replace(".", "").isdigit():
            by_pod.setdefault(pod, []).append(float(text))
    return list(by_pod.values())


MEMO = """
entrypoint: a
templates:
- name: a
  memoize: {key: KEY, maxAge: 1h, cache: {configMap: {name: KEY-cache}}}
  container: {image: alpine, command: [sh, -c, "echo made > /tmp/o"]}
  outputs: {parameters: [{name: o, valueFrom: {path: /tmp/o}}]}
"""


def test_a_memo_answers_the_second_time(cluster: Cluster) -> None:
    spec = MEMO.replace("KEY", cluster.namespace)
    apply(cluster, "first", spec)
    assert cluster.finished("first")["status"]["nodes"]["first"]["memoizationStatus"]["hit"] is False
    apply(cluster, "second", spec)
    node = cluster.finished("second")["status"]["nodes"]["second"]
    assert (node["phase"], node["memoizationStatus"]["hit"]) == ("Succeeded", True)
    assert node["outputs"]["parameters"][0]["value"] == "made"
    assert cluster.kubectl("get", "pods", "-o", "name").split() == ["pod/first"]


AGENT = """
entrypoint: main
executorPlugins: [{metadata: {name: hi}, spec: {sidecar: {container: HI}}}]
templates:
- name: main
  steps:
  - - {name: web, template: web}
  - - {name: ask, template: ask, arguments: {parameters: [{name: u, value: "http://{{steps.web.ip}}/"}]}}
    - {name: none, template: ask, continueOn: {failed: true}, arguments: {parameters: [{name: u, value: "http://{{steps.web.ip}}/none"}]}}
    - {name: odd, template: ask, continueOn: {error: true}, arguments: {parameters: [{name: u, value: "http://{{steps.web.ip}}:1/"}]}}
    - {name: hello, template: hello}
    - {name: hi, template: hi}
  - - {name: use, template: use, arguments: {parameters: [{name: x, value: "{{steps.hello.outputs.parameters.p}}"}]}}
- name: web
  daemon: true
  container: {image: nginx, readinessProbe: {httpGet: {path: /, port: 80}, periodSeconds: 1}}
- name: ask
  inputs: {parameters: [{name: u}]}
  http:
    url: "{{inputs.parameters.u}}"
    headers: [{name: Authorization, valueFrom: {secretKeyRef: {name: web, key: token}}}]
- name: hello
  plugin: {hello: {who: "{{workflow.name}}"}}
  outputs: {parameters: [{name: p, valueFrom: {supplied: {}}}]}
- name: hi
  plugin: {hi: {who: "{{workflow.name}}"}}
  outputs: {parameters: [{name: p, valueFrom: {supplied: {}}}]}
- name: use
  inputs: {parameters: [{name: x}]}
  container: {image: alpine, command: [echo, "{{inputs.parameters.x}}"]}
"""
PLUGIN = """
import http.server, json, sys
name, port = sys.argv[1:]
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        assert self.headers["Authorization"] == "Bearer " + open("/var/run/argo/token").read()
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["template"]["plugin"]
        p = {"name": "p", "value": name + " " + asked.get(name, {}).get("who", "")}
        answer = json.dumps({"node": {"phase": "Succeeded", "outputs": {"parameters": [p]}}}).encode()
        self.send_response(200 if name in asked else 404)
        self.end_headers()
        self.wfile.write(answer)
http.server.HTTPServer(("", int(port)), Handler).serve_forever()
"""


def plugin(name: str, port: int) -> dict[str, object]:
    command = ["python3", "-c", PLUGIN, name, str(port)]
    return {"name": name, "image": IMAGE, "command": command, "ports": [{"containerPort": port}]}


def agent_objects(namespace: str) -> str:
    """What an agent needs: rights, a plugin, a secret."""
    meta = {"name": "hello-executor-plugin", "labels": {"workflows.argoproj.io/configmap-type": "ExecutorPlugin"}}
    rbac = "rbac.authorization.k8s.io"
    objects = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"sidecar.container": json.dumps(plugin("hello", 4355))}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "web"}, "stringData": {"token": "t"}},
        {"apiVersion": f"{rbac}/v1", "kind": "RoleBinding", "metadata": {"name": "agent"},
         "roleRef": {"apiGroup": rbac, "kind": "Role", "name": "tiphys-agent"},
         "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": namespace}]},
    ]  # fmt: skip
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})


def test_an_agent_makes_requests_and_asks_plugins_and_a_daemon_serves_them(cluster: Cluster) -> None:
    cluster.apply((ROOT / "deploy/roles/agent.yaml").read_text())
    cluster.apply(agent_objects(cluster.namespace))
    apply(cluster, "asks", AGENT.replace("HI", json.dumps(plugin("hi", 4356))))
    found = cluster.finished("asks", 240)
    assert found["status"]["phase"] == "Succeeded", messages(found)
    by_name = {node["displayName"]: node for node in found["status"]["nodes"].values()}
    assert by_name["ask"]["type"] == "HTTP"
    assert "nginx" in by_name["ask"]["outputs"]["result"]
    assert (by_name["none"]["phase"], by_name["none"]["message"]) == ("Failed", "received non-2xx response code: 404")
    assert by_name["odd"]["phase"] == "Error"
    assert by_name["hello"]["type"] == "Plugin"
    assert (by_name["hi"]["phase"], by_name["hi"]["outputs"]["parameters"][0]["value"]) == ("Succeeded", "hi asks")
    assert by_name["use"]["inputs"]["parameters"][0]["value"] == "hello asks"
    assert by_name["web"]["phase"] == "Succeeded"
    names = cluster.kubectl("get", "pods", "-o", "name").split()
    assert sum(name.endswith("-agent") for name in names) <= 1


RESOURCE = """
entrypoint: main
serviceAccountName: resources
templates:
- name: main
  steps:
  - - {name: make, template: make}
    - {name: brought, template: brought}
    - {name: child, template: child}
  - - {name: patch, template: patch}
  - - {name: get, template: get}
    - {name: none, template: none}
    - {name: replaced, template: replaced}
  - - {name: clean, template: clean}
  - - {name: odd, template: odd, continueOn: {failed: true}}
- name: make
  resource:
    action: create
    setOwnerReference: true
    manifest: |
      apiVersion: v1
      kind: ConfigMap
      metadata: {name: made, labels: {app: x}}
      data: {a: "1"}
- name: child
  resource:
    action: create
    successCondition: status.phase == Succeeded
    failureCondition: status.phase in (Failed, Error)
    manifest: |
      apiVersion: argoproj.io/v1alpha1
      kind: Workflow
      metadata: {generateName: child-, labels: {workflows.argoproj.io/controller-instanceid: INSTANCE}}
      spec: {entrypoint: a, templates: [{name: a, container: {image: alpine, command: [echo, hi]}}]}
  outputs: {parameters: [{name: phase, valueFrom: {jsonPath: "{.status.phase}"}}]}
- name: brought
  inputs: {artifacts: [{name: m, path: /tmp/m, raw: {data: '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"brought","labels":{"app":"x"}}}'}}]}
  resource: {action: apply, manifestFrom: {artifact: {name: m}}}
- name: patch
  resource:
    action: patch
    mergeStrategy: json
    flags: [cm, made]
    manifest: '[{"op": "replace", "path": "/data/a", "value": "2"}]'
- name: get
  resource: {action: get, flags: [configmap/made], successCondition: data.a == 2}
  outputs: {parameters: [{name: a, valueFrom: {jsonPath: "{.data.a}"}}, {name: o, valueFrom: {jqFilter: ".metadata.ownerReferences[0].kind"}}]}
- name: none
  resource: {action: get, flags: [cm, nowhere, --ignore-not-found]}
  outputs: {parameters: [{name: a, valueFrom: {jsonPath: "{.data.a}", default: absent}}]}
- name: replaced
  resource:
    action: replace
    manifest: |
      apiVersion: v1
      kind: ConfigMap
      metadata: {name: brought, labels: {app: x}}
      data: {b: "3"}
- name: clean
  resource: {action: delete, flags: [configmaps, -l, app=x]}
- name: odd
  resource: {action: get, flags: [cm, made, --sort-by=x]}
"""


def allow_resources(cluster: Cluster) -> None:
    cluster.kubectl("create", "serviceaccount", "resources")
    cluster.kubectl("create", "rolebinding", "resources", "--clusterrole=edit", f"--serviceaccount={cluster.namespace}:resources")
    cluster.kubectl("create", "role", "workflows", "--verb=create,get,list,watch", "--resource=workflows.argoproj.io")
    cluster.kubectl("create", "rolebinding", "workflows", "--role=workflows", f"--serviceaccount={cluster.namespace}:resources")


def test_resources_are_made_patched_read_and_deleted_by_manifest_artifact_and_flags(cluster: Cluster) -> None:
    allow_resources(cluster)
    apply(cluster, "resource", RESOURCE.replace("INSTANCE", INSTANCE))
    found = cluster.finished("resource", 120)
    assert found["status"]["phase"] == "Succeeded", messages(found)
    by_name = {node["displayName"]: node for node in found["status"]["nodes"].values()}
    given = {p["name"]: p["value"] for p in by_name["get"]["outputs"]["parameters"]}
    assert given == {"a": "2", "o": "Workflow"}
    assert by_name["child"]["outputs"]["parameters"][0]["value"] == "Succeeded", "a workflow of workflows"
    assert by_name["none"]["outputs"]["parameters"][0]["value"] == "absent"
    assert by_name["odd"]["phase"] == "Failed"
    assert "flag --sort-by is not known without kubectl" in by_name["odd"]["message"]
    assert cluster.kubectl("get", "configmaps", "-l", "app=x", "-o", "name") == ""


STOPPED = """
entrypoint: main
serviceAccountName: resources
templates:
- name: main
  steps: [[{name: kept, template: kept}, {name: gone, template: gone}]]
- name: kept
  resource: &made
    action: create
    successCondition: data.done == yes
    manifest: |
      apiVersion: v1
      kind: ConfigMap
      metadata: {name: "{{steps.name}}", labels: {app: stopped}}
- name: gone
  annotations: {tiphys.io/delete-on-stop: "true"}
  resource: *made
"""


def test_a_stopped_resource_step_deletes_what_it_made_where_it_is_told_to(cluster: Cluster) -> None:
    allow_resources(cluster)
    apply(cluster, "stopped", STOPPED)

    def both_wait(found: dict) -> bool:
        shown = nodes(found) if found.get("status", {}).get("nodes") else {}
        return {shown.get(name, ("", ""))[1] for name in ("kept", "gone")} == {"Running"} and len(made(cluster)) == 2

    cluster.wait_until("stopped", both_wait)
    cluster.tiphys("stop", "stopped")
    assert cluster.finished("stopped")["status"]["phase"] == "Failed"
    cluster.wait_until("stopped", lambda _found: made(cluster) == ["configmap/kept"])


def made(cluster: Cluster) -> list[str]:
    return sorted(cluster.kubectl("get", "configmap", "-l", "app=stopped", "-o", "name").split())


HOOKS = """
entrypoint: main
hooks:
  running: {expression: 'workflow.status == "Running"', template: note, arguments: {parameters: [{name: x, value: w}]}}
  exit: {template: note, arguments: {parameters: [{name: x, value: "{{workflow.status}}"}]}}
templates:
- name: main
  steps:
  - - name: a
      template: note
      arguments: {parameters: [{name: x, value: a}]}
      hooks:
        good: {expression: 'steps.a.status == "Succeeded"', template: note, arguments: {parameters: [{name: x, value: "{{steps.a.status}}"}]}}
        exit: {template: note, arguments: {parameters: [{name: x, value: bye}]}}
    - {name: wait, template: wait}
- {name: wait, suspend: {duration: 3s}, outputs: {parameters: [{name: d, valueFrom: {supplied: {}, default: none}}]}}
- name: note
  inputs: {parameters: [{name: x}]}
  container: {image: alpine, command: [echo, "{{inputs.parameters.x}}"]}
"""


def test_hooks_and_exit_handlers_run_with_arguments(cluster: Cluster) -> None:
    apply(cluster, "hooks", HOOKS)
    found = cluster.finished("hooks")
    assert found["status"]["phase"] == "Succeeded", messages(found)
    shown = nodes(found)
    assert {"hooks.hooks.running", "hooks.onExit", "a.hooks.good", "a.onExit"} <= set(shown)
    assert shown["wait"] == ("Suspend", "Succeeded")
    by_name = {node["name"]: node for node in found["status"]["nodes"].values()}
    assert by_name["hooks.onExit"]["inputs"]["parameters"][0]["value"] == "Succeeded"
    assert by_name["hooks[0].a.hooks.good"]["inputs"]["parameters"][0]["value"] == "Succeeded"
    assert by_name["hooks[0].wait"]["outputs"]["parameters"][0]["value"] == "none"


FAST = """
entrypoint: main
templates:
- name: main
  failFast: true
  parallelism: 2
  steps: [[{name: bad, template: sh, arguments: {parameters: [{name: x, value: "exit 1"}]}},
           {name: slow, template: sh, arguments: {parameters: [{name: x, value: "sleep 4"}]}},
           {name: never, template: sh, arguments: {parameters: [{name: x, value: "true"}]}}]]
- name: sh
  inputs: {parameters: [{name: x}]}
  container: {image: alpine, command: [sh, -c, "{{inputs.parameters.x}}"]}
"""


def test_a_template_that_fails_fast_starts_nothing_more(cluster: Cluster) -> None:
    apply(cluster, "fast", FAST)
    found = cluster.finished("fast")
    assert found["status"]["message"] == "template has failed or errored children and failFast enabled"
    assert nodes(found)["slow"] == ("Pod", "Succeeded")
    assert "never" not in nodes(found)


PROGRESS = """
entrypoint: main
templates:
- name: main
  container:
    image: alpine
    command: [sh, -c, 'echo 1/3 > "$ARGO_PROGRESS_FILE"; until test -e /var/run/argo/go; do sleep 0.2; done; echo 5/6 > "$ARGO_PROGRESS_FILE"; exit 1']
"""


def test_a_pod_tells_its_own_progress_while_it_runs_and_as_it_ends(cluster: Cluster) -> None:
    apply(cluster, "progress", PROGRESS)
    cluster.wait_until("progress", lambda found: found.get("status", {}).get("progress") == "1/3")
    cluster.kubectl("exec", "progress", "-c", "main", "--", "sh", "-c", "echo 2/3 >> /var/run/argo/progress")
    found = cluster.wait_until("progress", lambda found: found["status"]["progress"] == "2/3")
    assert found["status"]["nodes"]["progress"]["progress"] == "2/3"
    cluster.kubectl("exec", "progress", "-c", "main", "--", "touch", "/var/run/argo/go")
    found = cluster.finished("progress")
    assert (found["status"]["phase"], found["status"]["progress"]) == ("Failed", "5/6"), messages(found)

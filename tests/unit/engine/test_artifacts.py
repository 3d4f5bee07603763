"""Artifacts by reference: what is passed on, where outputs go, what is recorded."""

import pytest

from tiphys.engine.events import Restored
from tiphys.engine.run import Run
from tiphys.model.locations import ArtifactRepositoryRefStatus
from tiphys.model.parse import parse_as, parse_workflow, to_json
from tiphys.testing.world import START, World, workflow_of

S3 = {"s3": {"endpoint": "minio:9000", "bucket": "b", "insecure": True, "accessKeySecret": {"name": "cred", "key": "ak"}}}
PRODUCER = """
  - name: make
    inputs: {parameters: [{name: p, default: x}]}
    container: {image: i, command: [c]}
    outputs: {artifacts: [{name: out, path: /made/out}]}
"""
CONSUMER = """
  - name: eat
    inputs: {artifacts: [{name: in, path: /in}]}
    container: {image: i, command: [c]}
"""


def repository(**more: object) -> ArtifactRepositoryRefStatus:
    settings = {**S3, **more}
    return parse_as(ArtifactRepositoryRefStatus, {"default": True, "artifactRepository": settings})


def play(text: str, behave=lambda _order: {}, repo: ArtifactRepositoryRefStatus | None = None, **options) -> World:
    def saved(order):
        return {"is_staged": True, **behave(order)}

    return World(text, saved, repository=repo if repo is not None else repository(), **options).play()


def stored(world: World, name: str) -> dict[str, dict[str, object]]:
    outputs = world.node(name).outputs
    return {a.name: to_json(a) for a in outputs.artifacts} if outputs else {}


def inputs_of(world: World, name: str) -> list[dict[str, object]]:
    order = next(order for order in world.orders if order.node_name == name)
    return [to_json(artifact) for artifact in order.template.inputs.artifacts]


def passing(arguments: str, consumer: str = CONSUMER) -> str:
    return f"""
entrypoint: main
templates:
  - name: main
    steps:
    - - {{name: a, template: make}}
    - - {{name: b, template: eat, arguments: {{artifacts: [{{name: in, {arguments}}}]}}}}
{PRODUCER}{consumer}"""


@pytest.mark.parametrize("restores", [False, True], ids=["lived through", "restored before each event"])
def test_an_output_is_recorded_with_its_key_alone_and_reaches_the_next_step_so(restores):
    world = play(passing("from: '{{steps.a.outputs.artifacts.out}}'"), restores=restores)
    assert world.phase == "Succeeded"
    pod = next(order.pod_name for order in world.orders if order.node_name == "hello[0].a")
    key = f"hello/{pod}/out.tgz"
    assert stored(world, "hello[0].a") == {"out": {"name": "out", "path": "/made/out", "s3": {"key": key}}}
    assert inputs_of(world, "hello[1].b") == [{"name": "in", "path": "/in", "s3": {"key": key}}]
    assert [to_json(a) for a in world.node("hello[1].b").inputs.artifacts] == inputs_of(world, "hello[1].b")
    assert world.stored["status"]["artifactRepositoryRef"] == {"default": True, "artifactRepository": S3}


def test_the_order_tells_what_a_key_alone_is_completed_with():
    world = play(passing("from: '{{steps.a.outputs.artifacts.out}}'"))
    assert all(to_json(order.repository) == S3 for order in world.orders)


def test_a_data_template_may_name_its_source_by_a_key_alone():
    template = '{name: main, data: {source: {artifactPaths: {name: x, s3: {key: "in"}}}, transformation: [{expression: data}]}}'
    world = play("{entrypoint: main, templates: [" + template + "]}", repo=repository())
    (order,) = world.orders
    assert to_json(order.repository) == S3


def test_a_sub_path_is_appended_to_the_key():
    world = play(passing("from: '{{steps.a.outputs.artifacts.out}}', subPath: 'x/{{workflow.name}}.txt'"))
    key = stored(world, "hello[0].a")["out"]["s3"]["key"]
    assert inputs_of(world, "hello[1].b")[0]["s3"]["key"] == f"{key}/x/hello.txt"


def test_a_reference_to_nothing_is_an_error_that_names_it():
    world = play(passing("from: '{{steps.a.outputs.artifacts.nope}}'"))
    assert world.message == (
        "invalid spec: templates.main.steps[1][0]: failed to resolve {{steps.a.outputs.artifacts.nope}}, "
        "did you mean 'steps.a.outputs.artifacts.out'?"
    )


def test_a_reference_to_nothing_may_be_optional():
    optional = CONSUMER.replace("path: /in", "path: /in, optional: true")
    world = play(passing("optional: true, from: '{{steps.a.outputs.artifacts.nope}}'", optional))
    assert world.phase == "Succeeded"
    assert inputs_of(world, "hello[1].b") == [{"name": "in", "path": "/in", "optional": True}]


@pytest.mark.parametrize(
    ("kind", "want"),
    [("steps", "inputs.artifacts.in missing location information"),
     ("dag", "unable to resolve references: failed to resolve {{tasks.a.outputs.artifacts.out}}")],
)  # fmt: skip
def test_a_skipped_producer_gives_steps_an_empty_artifact_and_a_dag_none(kind, want):
    body = {
        "steps": "steps: [[{name: a, template: make, when: 'false'}], [{name: b, template: eat, arguments: "
        "{artifacts: [{name: in, from: '{{steps.a.outputs.artifacts.out}}'}]}}]]",
        "dag": "dag: {tasks: [{name: a, template: make, when: 'false'}, {name: b, depends: a.Skipped, template: eat, arguments: "
        "{artifacts: [{name: in, from: '{{tasks.a.outputs.artifacts.out}}'}]}}]}",
    }[kind]
    world = play(f"entrypoint: main\ntemplates:\n  - name: main\n    {body}\n{PRODUCER}{CONSUMER}")
    assert want in [node.message for node in world.run.tree]


CONDITIONAL = f"""
entrypoint: main
templates:
  - name: main
    steps:
    - - {{name: flip, template: flip}}
    - - {{name: heads, template: make, when: "{{{{steps.flip.outputs.result}}}} == heads"}}
      - {{name: tails, template: make, when: "{{{{steps.flip.outputs.result}}}} == tails"}}
    outputs:
      artifacts:
      - name: result
        globalName: won
        fromExpression: "steps.flip.outputs.result == 'heads' ? steps.heads.outputs.artifacts.out : steps.tails.outputs.artifacts.out"
  - {{name: flip, script: {{image: i, command: [c], source: s}}}}
{PRODUCER}"""


@pytest.mark.parametrize("side", ["heads", "tails"])
def test_a_conditional_artifact_is_that_of_the_branch_that_ran(side):
    world = play(CONDITIONAL, lambda order: {"result": side} if order.wants_result else {})
    assert world.phase == "Succeeded", world.message
    key = stored(world, f"hello[1].{side}")["out"]["s3"]["key"]
    assert stored(world, "hello")["result"]["s3"] == {"key": key}


def test_a_global_artifact_is_the_workflows_without_path_and_global_name():
    world = play(CONDITIONAL, lambda order: {"result": "heads"} if order.wants_result else {})
    (won,) = world.stored["status"]["outputs"]["artifacts"]
    assert won == {"name": "won", "s3": stored(world, "hello[1].heads")["out"]["s3"]}


def test_a_global_artifact_reaches_the_exit_handler():
    text = f"""
entrypoint: g
onExit: last
templates:
  - name: g
    container: {{image: i, command: [c]}}
    outputs: {{artifacts: [{{name: out, path: /o, globalName: g}}]}}
  - name: last
    steps: [[{{name: b, template: eat, arguments: {{artifacts: [{{name: in, from: '{{{{workflow.outputs.artifacts.g}}}}'}}]}}}}]]
{CONSUMER}"""
    world = play(text)
    assert world.phase == "Succeeded", world.message
    assert inputs_of(world, "hello.onExit[0].b")[0]["s3"] == stored(world, "hello")["out"]["s3"]


def test_inputs_of_a_body_are_handed_on_by_from():
    text = f"""
entrypoint: main
arguments: {{artifacts: [{{name: a, s3: {{key: "{{{{workflow.name}}}}/given"}}}}]}}
templates:
  - name: main
    inputs: {{artifacts: [{{name: a}}]}}
    dag: {{tasks: [{{name: b, template: eat, arguments: {{artifacts: [{{name: in, from: '{{{{inputs.artifacts.a}}}}'}}]}}}}]}}
{CONSUMER}"""
    world = play(text)
    assert world.phase == "Succeeded", world.message
    assert inputs_of(world, "hello.b") == [{"name": "in", "path": "/in", "s3": {"key": "hello/given"}}]


def test_a_loop_names_its_producer_by_item():
    text = f"""
entrypoint: main
templates:
  - name: main
    steps:
    - - {{name: a-1, template: make}}
      - {{name: a-2, template: make}}
    - - name: b
        template: eat
        arguments: {{artifacts: [{{name: in, from: '{{{{steps.a-{{{{item}}}}.outputs.artifacts.out}}}}'}}]}}
        withItems: [1, 2]
{PRODUCER}{CONSUMER}"""
    world = play(text)
    assert world.phase == "Succeeded", world.message
    for i in (1, 2):
        assert inputs_of(world, f"hello[1].b({i - 1}:{i})")[0]["s3"] == stored(world, f"hello[0].a-{i}")["out"]["s3"]


def test_a_retried_producer_gives_what_its_last_attempt_made():
    text = passing("from: '{{steps.a.outputs.artifacts.out}}'").replace(
        "- name: make\n", "- name: make\n    retryStrategy: {limit: 2}\n"
    )
    world = play(text, lambda order: {"phase": "Failed", "is_staged": False} if order.node_name.endswith("(0)") else {})
    assert world.phase == "Succeeded"
    assert inputs_of(world, "hello[1].b")[0]["s3"] == stored(world, "hello[0].a(1)")["out"]["s3"]


def one(template: str, spec: str = "") -> str:
    return f"entrypoint: a\n{spec}\ntemplates:\n  - {{name: a, container: {{image: i, command: [c]}}, {template}}}"


@pytest.mark.parametrize(
    ("artifact", "name"),
    [("name: x, path: /p/file", "x.tgz"), ("name: x, path: /p/file, archive: {zip: {}}", "x.zip"),
     ("name: x, path: /p/file, archive: {none: {}}", "file"), ("name: x, path: /p/dir/, archive: {none: {}}", "dir"),
     ("name: x, path: /p, archive: {tar: {compressionLevel: 0}}", "x.tgz")],
    ids=["by default", "zip", "as it is", "a folder as it is", "tar"],
)  # fmt: skip
def test_the_last_part_of_a_key_tells_how_it_is_packed(artifact, name):
    world = play(one(f"outputs: {{artifacts: [{{{artifact}}}]}}"))
    assert stored(world, "hello")["x"]["s3"] == {"key": f"hello/hello/{name}"}


@pytest.mark.parametrize(
    ("settings", "want"),
    [({"keyFormat": "logs/{{workflow.creationTimestamp.Y}}/{{pod.name}}/{{inputs.parameters.p}}"}, "logs/2026/hello/v/x.tgz"),
     ({"keyPrefix": "team/"}, "team/hello/hello/x.tgz"),
     ({"keyFormat": "{{workflow.namespace}}-{{workflow.uid}}"}, "ns-u/x.tgz")],
    ids=["keyFormat", "keyPrefix", "namespace and uid"],
)  # fmt: skip
def test_the_repository_says_how_keys_are_made(settings, want):
    text = """
metadata: {name: hello, namespace: ns, uid: u, creationTimestamp: '2026-01-01T00:00:00Z'}
spec:
  entrypoint: a
  templates:
  - name: a
    inputs: {parameters: [{name: p, default: v}]}
    container: {image: i}
    outputs: {artifacts: [{name: x, path: /p}]}
"""
    world = play(text, repo=repository(s3={**S3["s3"], **settings}))
    assert stored(world, "hello")["x"]["s3"] == {"key": want}


def test_a_tag_of_the_key_format_that_stands_for_nothing_is_an_error():
    world = play(one("outputs: {artifacts: [{name: x, path: /p}]}"), repo=repository(s3={**S3["s3"], "keyFormat": "{{nope}}"}))
    assert (world.phase, world.message) == ("Error", "error in entry template execution: failed to resolve {{nope}}")


def test_an_explicit_key_or_bucket_is_kept_as_written():
    location = "s3: {key: '{{workflow.name}}.txt', bucket: own}"
    world = play(one(f"outputs: {{artifacts: [{{name: x, path: /p, {location}}}]}}"))
    assert stored(world, "hello")["x"]["s3"] == {"key": "hello.txt", "bucket": "own"}


def test_without_a_repository_an_artifact_without_location_is_an_error_before_any_pod():
    world = World(one("outputs: {artifacts: [{name: x, path: /p}]}")).play()
    assert world.phase == "Error"
    assert world.message.startswith("error in entry template execution: you need to configure artifact storage: artifact 'x' names no location")
    assert not world.orders


def test_a_key_of_another_store_than_the_repositorys_is_a_key_of_the_repository():
    world = play(one("inputs: {artifacts: [{name: x, path: /p, gcs: {key: k}}]}, outputs: {artifacts: [{name: y, path: /q, azure: {blob: b}}]}"))
    assert (world.phase, world.message) == ("Succeeded", "")
    assert stored(world, "hello")["y"]["azure"] == {"blob": "b"}


def test_an_optional_output_that_was_not_there_is_left_out():
    world = play(one("outputs: {artifacts: [{name: x, path: /p, optional: true}, {name: y, path: /q}]}"),
                 lambda _order: {"unsaved": ("x",)})  # fmt: skip
    assert list(stored(world, "hello")) == ["y"]


@pytest.mark.parametrize(
    ("spec", "template", "repo", "want"),
    [("archiveLogs: true", "", None, True), ("", "archiveLocation: {archiveLogs: true}", None, True),
     ("archiveLogs: true", "archiveLocation: {archiveLogs: false}", None, False), ("", "", {"archiveLogs": True}, True),
     ("archiveLogs: false", "archiveLocation: {archiveLogs: false}", {"archiveLogs": True}, True), ("", "", None, False)],
    ids=["spec", "template", "template over spec", "repository", "repository over all", "nobody"],
)  # fmt: skip
def test_logs_are_archived_where_repository_template_or_spec_says_so(spec, template, repo, want):
    world = play(one(template or "daemon: false", spec), repo=repository(**(repo or {})))
    assert world.phase == "Succeeded", world.message
    assert bool(world.orders[0].log_artifacts) == want
    found = {"main-logs": {"name": "main-logs", "s3": {"key": "hello/hello/main.log"}}}
    assert stored(world, "hello") == (found if want else {})


def test_logs_of_a_failed_pod_are_recorded_too():
    world = play(one("outputs: {artifacts: [{name: x, path: /p}]}", "archiveLogs: true"),
                 lambda _order: {"phase": "Failed", "message": "main: Error (exit code 1)", "unsaved": ("x",)})  # fmt: skip
    assert (world.phase, list(stored(world, "hello"))) == ("Failed", ["main-logs"])


def test_a_location_of_the_templates_own_takes_logs_and_outputs():
    own = "archiveLocation: {archiveLogs: true, s3: {endpoint: e, bucket: c, key: 'runs/{{workflow.name}}'}}"
    world = play(one(f"outputs: {{artifacts: [{{name: x, path: /p}}]}}, {own}"))
    want = {"endpoint": "e", "bucket": "c", "key": "runs/hello/main.log"}
    assert stored(world, "hello")["main-logs"]["s3"] == want
    assert stored(world, "hello")["x"]["s3"] == {**want, "key": "runs/hello/x.tgz"}


def test_an_unresolved_tag_in_the_templates_own_location_is_an_error():
    own = "archiveLocation: {archiveLogs: true, s3: {endpoint: e, bucket: c, key: '{{nope}}'}}"
    assert play(one(own)).message == "error in entry template execution: failed to resolve {{nope}}"


def test_a_repository_that_cannot_be_found_out_ends_the_workflow():
    run = Run(workflow_of(one("daemon: false")))
    run.handle(Restored(repository_error="no such thing"), START)
    assert (run.status.phase, run.status.message) == ("Error", "failed to resolve artifact repository: no such thing")


def test_a_stored_repository_is_not_replaced_by_a_newer_one():
    world = play(one("outputs: {artifacts: [{name: x, path: /p}]}"), lambda _order: {"hangs": True})

    run = Run(parse_workflow(world.stored))
    run.handle(Restored(repository=repository(s3={"bucket": "other"})), world.now)
    assert run.repository == repository().artifact_repository


def test_a_command_reads_the_paths_of_its_artifacts():
    artifacts = "inputs: {artifacts: [{name: in, path: '/in/{{workflow.name}}', raw: {data: d}}]}, outputs: {artifacts: [{name: out, path: /o}]}"
    text = one(artifacts).replace("command: [c]", "args: ['{{inputs.artifacts.in.path}}', '{{outputs.artifacts.out.path}}']")
    assert play(text).orders[0].template.container["args"] == ["/in/hello", "/o"]


@pytest.mark.parametrize("restores", [False, True])
def test_a_stopped_pod_that_ran_has_its_log_recorded(restores):
    world = play(one("daemon: false", "archiveLogs: true"), lambda _order: {"hangs": True}, restores=restores)
    world.change_spec(shutdown="Stop")
    world.play()
    assert (world.phase, list(stored(world, "hello"))) == ("Failed", ["main-logs"])


def test_every_container_of_a_set_has_a_log():
    text = """
entrypoint: a
archiveLogs: true
templates:
- name: a
  containerSet: {containers: [{name: first, image: i, command: [c]}, {name: main, image: i, command: [c]}]}
"""
    world = play(text)
    assert [log.name for log in world.orders[0].log_artifacts] == ["first-logs", "main-logs"]
    assert list(stored(world, "hello")) == ["first-logs", "main-logs"]


def test_a_daemon_that_is_released_has_its_log_recorded():
    text = """
entrypoint: main
archiveLogs: true
templates:
- name: main
  steps: [[{name: d, template: d}], [{name: a, template: a}]]
- {name: d, daemon: true, container: {image: i, command: [c]}}
- {name: a, container: {image: i, command: [c]}}
"""
    assert list(stored(play(text), "hello[0].d")) == ["main-logs"]


@pytest.mark.parametrize(("spec", "repo", "want"), [("archiveLogs: true", {}, False), ("", {"archiveLogs": True}, True)])
def test_a_log_that_only_the_repository_asks_for_may_be_lacking(spec, repo, want):
    world = play(one("daemon: false", spec), lambda _order: {"unsaved": ("main-logs",)}, repo=repository(**repo))
    assert world.orders[0].may_lack_logs is want
    assert stored(world, "hello") == {}

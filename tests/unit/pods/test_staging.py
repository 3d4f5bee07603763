"""Pods that move artifacts and keep logs: who mounts what, who gets which secret, and what the plan says."""

import json
from typing import Any

import pytest

from tiphys.errors import SpecError
from tiphys.model.arguments import Artifact
from tiphys.model.drivers import ArtifactDriver
from tiphys.model.locations import ArtifactRepository
from tiphys.model.order import NodeOrder
from tiphys.model.parse import parse_as
from tiphys.model.staging import parse_plan
from tiphys.model.template import Template
from tiphys.pods.build import PodPlan, build
from tiphys.pods.settings import ImageEntry, PodSettings
from tiphys.testing.world import START, workflow_of

S3 = {"endpoint": "minio:9000", "bucket": "b", "accessKeySecret": {"name": "my.cred", "key": "ak"},
      "secretKeySecret": {"name": "my.cred", "key": "sk"}}  # fmt: skip
INPUT = {"name": "in", "path": "/in", "s3": {"key": "in.tgz"}}
OUTPUT = {"name": "out", "path": "/made/out", "s3": {"key": "out.tgz"}}
MAIN: dict[str, Any] = {"image": "i", "command": ["c"], "args": ["x"]}


def plan(logs: bool = False, may_lack: bool = False, spec: str = "{entrypoint: a}", settings: PodSettings | None = None, **template: Any) -> PodPlan:
    inputs, outputs = template.pop("inputs", ()), template.pop("outputs", ())
    kind = {} if {"script", "resource", "data"} & set(template) else {"container": MAIN}
    made = {"name": "a", **kind, **template, "inputs": {"artifacts": list(inputs)}, "outputs": {"artifacts": list(outputs)}}
    order = NodeOrder(
        node_id="hello-1", node_name="hello.a", pod_name="hello-a-1", template_name="a", template=parse_as(Template, made),
        repository=parse_as(ArtifactRepository, {"s3": S3}),
        may_lack_logs=may_lack,
        log_artifacts=(parse_as(Artifact, {"name": "main-logs", "s3": {"key": "main.log"}}),) if logs else (),
    )  # fmt: skip
    workflow = workflow_of(f"{{metadata: {{name: hello, namespace: argo, uid: u1}}, spec: {spec}}}")
    return build(order, workflow, settings or PodSettings(), START)


def spec_of(made: PodPlan) -> dict[str, Any]:
    return made.pod["spec"]


def container(made: PodPlan, name: str) -> dict[str, Any]:
    spec = spec_of(made)
    return next(one for one in (*spec.get("initContainers", ()), *spec["containers"]) if one["name"] == name)


def mounts(made: PodPlan, name: str) -> dict[str, dict[str, Any]]:
    return {mount["mountPath"]: mount for mount in container(made, name).get("volumeMounts", ())}


def staging(made: PodPlan) -> Any:
    return parse_plan(made.pod["metadata"]["annotations"]["tiphys.io/staging"])


def test_an_input_is_brought_by_init_and_mounted_at_its_path():
    made = plan(inputs=[INPUT])
    assert [one["name"] for one in spec_of(made)["initContainers"]] == ["init"]
    assert container(made, "init")["command"] == ["tiphys", "executor", "load"]
    assert mounts(made, "main") == {"/in": {"name": "input-artifacts", "mountPath": "/in", "subPath": "in"}}
    assert mounts(made, "init")["/argo/inputs/artifacts"] == {"name": "input-artifacts", "mountPath": "/argo/inputs/artifacts"}
    (load,) = staging(made).loads
    assert (load.path, load.artifact.s3.bucket, load.artifact.s3.key) == ("/argo/inputs/artifacts/in", "b", "in.tgz")
    assert container(made, "main")["command"] == ["c"]
    assert not made.needs_shim
    assert [one["name"] for one in spec_of(made)["containers"]] == ["main"]


def test_an_output_is_staged_by_the_shim_and_stored_by_wait():
    made = plan(outputs=[OUTPUT])
    assert [one["name"] for one in spec_of(made)["containers"]] == ["wait", "main"]
    assert container(made, "wait")["command"] == ["tiphys", "executor", "save"]
    assert container(made, "main")["command"] == [
        "/argo-shim/shim", "--stage", "/argo/staged/main", "--grace", "20", "--artifact", "out=/made/out", "--", "c",
    ]  # fmt: skip
    for name in ("main", "wait"):
        assert mounts(made, name)["/argo/staged"] == {"name": "tiphys-staged", "mountPath": "/argo/staged"}
    (save,) = staging(made).saves
    assert (save.container, save.artifact.path, save.artifact.s3.endpoint) == ("main", "/made/out", "minio:9000")


def test_a_log_is_staged_and_stored_without_a_word_of_the_template():
    made = plan(logs=True)
    assert container(made, "main")["command"][:6] == ["/argo-shim/shim", "--stage", "/argo/staged/main", "--grace", "20", "--log"]
    (log,) = staging(made).logs
    assert (log.container, log.artifact.s3.key, log.artifact.s3.bucket) == ("main", "main.log", "b")


def test_the_settings_of_kerberos_are_a_file_beside_the_secrets():
    hdfs = {"addresses": ["nn:9870"], "path": "/a", "krbKeytabSecret": {"name": "k", "key": "keytab"}, "krbConfigConfigMap": {"name": "k", "key": "krb5.conf"}}
    made = plan(inputs=[{"name": "in", "path": "/in", "hdfs": hdfs}])
    sources = {one["name"]: one for one in spec_of(made)["volumes"]}
    seen = {path: sources[mount["name"]] for path, mount in mounts(made, "init").items() if path.startswith("/argo/secret/")}
    assert seen["/argo/secret/k"]["secret"] == {"secretName": "k", "items": [{"key": "keytab", "path": "keytab"}]}
    assert seen["/argo/secret/ConfigMap_k"]["configMap"] == {"name": "k", "items": [{"key": "krb5.conf", "path": "krb5.conf"}]}
    assert not any(path.startswith("/argo/secret/") for path in mounts(made, "main"))


def test_secrets_are_files_of_the_executors_and_nobody_elses():
    made = plan(logs=True, inputs=[INPUT], outputs=[OUTPUT], sidecars=[{"name": "s", "image": "i", "mirrorVolumeMounts": True}])
    volume = next(one for one in spec_of(made)["volumes"] if "secret" in one)
    assert volume["secret"] == {"secretName": "my.cred", "items": [{"key": "ak", "path": "ak"}, {"key": "sk", "path": "sk"}]}
    for name in ("init", "wait"):
        assert mounts(made, name)["/argo/secret/my.cred"] == {
            "name": volume["name"], "mountPath": "/argo/secret/my.cred", "readOnly": True}  # fmt: skip
    for name in ("main", "s"):
        assert volume["name"] not in [mount["name"] for mount in mounts(made, name).values()]
        assert not [one for one in container(made, name)["env"] if "valueFrom" in one]
    names = [one["name"] for one in spec_of(made)["volumes"]]
    assert len(names) == len(set(names))


def test_a_mirroring_sidecar_sees_the_inputs_and_not_the_staging():
    made = plan(inputs=[INPUT], outputs=[OUTPUT], sidecars=[{"name": "s", "image": "i", "mirrorVolumeMounts": True}])
    assert set(mounts(made, "s")) == {"/in"}


def test_an_input_inside_a_users_volume_is_written_into_the_volume():
    made = plan(
        inputs=[{"name": "code", "path": "/work/src", "git": {"repo": "https://h/r.git"}}],
        container={**MAIN, "volumeMounts": [{"name": "v", "mountPath": "/work", "subPath": "x", "readOnly": True}]},
        volumes=[{"name": "v", "emptyDir": {}}],
    )
    assert set(mounts(made, "main")) == {"/work"}
    assert mounts(made, "init")["/mainctrfs/work"] == {"name": "v", "mountPath": "/mainctrfs/work", "subPath": "x"}
    assert staging(made).loads[0].path == "/mainctrfs/work/src"
    assert "input-artifacts" not in [one["name"] for one in spec_of(made)["volumes"]]


def test_an_optional_input_that_nobody_gave_is_not_mounted():
    made = plan(inputs=[{"name": "in", "path": "/in", "optional": True}])
    assert set(spec_of(made)) == {"restartPolicy", "containers", "automountServiceAccountToken"}


@pytest.mark.parametrize("kind", ["inputs", "outputs"])
def test_an_artifact_without_a_path_is_refused_by_its_name(kind):
    with pytest.raises(SpecError, match="artifact x did not specify a path"):
        plan(**{kind: [{"name": "x", "s3": {"key": "k"}}]})


def test_the_manifest_of_a_resource_has_a_path_of_its_own():
    made = plan(resource={"action": "create", "manifestFrom": {"artifact": {"name": "m"}}},
                inputs=[{"name": "m", "s3": {"key": "k"}}])  # fmt: skip
    assert "/tmp/manifest.yaml" in mounts(made, "main")  # noqa: S108 Argo's place


def test_the_log_of_a_resource_is_kept_and_its_own_record_too():
    made = plan(logs=True, resource={"action": "get", "manifest": "{}"})
    command = container(made, "main")["command"]
    assert command[:3] == ["/argo-shim/shim", "--termination", "/dev/null"]
    assert command[-4:] == ["--", "tiphys", "executor", "resource"]


def test_executors_run_as_main_does():
    own = {**MAIN, "securityContext": {"runAsUser": 1000, "privileged": True}}
    assert container(plan(outputs=[OUTPUT], container=own), "wait")["securityContext"] == {"runAsUser": 1000}
    assert container(plan(outputs=[OUTPUT]), "wait")["securityContext"] == {"runAsUser": 0}
    by_pod = plan(outputs=[OUTPUT], securityContext={"runAsUser": 5})
    assert "securityContext" not in container(by_pod, "wait")
    restricted = plan(outputs=[OUTPUT], settings=PodSettings(security="restricted"))
    assert "runAsUser" not in container(restricted, "wait")["securityContext"]


def test_time_is_left_to_store_what_a_killed_command_leaves():
    for seconds, grace in ((60, "50"), (30, "20"), (9, "6"), (2, "1"), (1, "1")):
        command = container(plan(logs=True, podSpecPatch=f"terminationGracePeriodSeconds: {seconds}"), "main")["command"]
        assert command[command.index("--grace") + 1] == grace


def test_a_long_plan_is_a_file():
    raw = [{"name": f"r{i}", "path": f"/r{i}", "raw": {"data": "x" * 5000}} for i in range(20)]
    made = plan(inputs=raw)
    assert "tiphys.io/staging" not in made.pod["metadata"]["annotations"]
    (config_map,) = made.config_maps
    assert len(parse_plan(config_map["data"]["staging.json"]).loads) == 20
    env = {one["name"]: one for one in container(made, "init")["env"]}
    assert env["TIPHYS_STAGING_FILE"]["value"] == "/argo/plan/staging.json"
    assert "/argo/plan" in mounts(made, "init")


def test_a_patch_of_an_executor_that_is_there_counts_and_of_one_that_is_not_makes_none():
    patch = json.dumps({"containers": [{"name": "wait", "resources": {"limits": {"memory": "1Gi"}}}]})
    assert container(plan(logs=True, podSpecPatch=patch), "wait")["resources"]["limits"] == {"memory": "1Gi"}
    assert [one["name"] for one in spec_of(plan(podSpecPatch=patch))["containers"]] == ["main"]


def test_a_script_gives_artifacts_as_a_container_does():
    made = plan(script={"image": "i", "command": ["sh"], "source": "true"}, outputs=[OUTPUT], logs=True)
    main = container(made, "main")
    assert "--artifact" in main["command"]
    assert main["args"] == ["/argo/staging/script"]


UNKNOWN: dict[str, Any] = {"image": "i", "args": ["x"]}


def test_a_log_that_a_workflow_asks_for_needs_a_command_that_is_known():
    with pytest.raises(SpecError, match='the entry point of image "i" is not known'):
        plan(logs=True, container=UNKNOWN)


def test_a_log_that_only_the_repository_asks_for_stops_nobody_and_is_told_of():
    made = plan(logs=True, may_lack=True, container=UNKNOWN)
    assert [one["name"] for one in spec_of(made)["containers"]] == ["main"]
    assert "command" not in container(made, "main")
    assert made.pod["metadata"]["annotations"]["tiphys.io/logs-not-kept"] == "main"
    assert made.warnings[0].startswith("the log of container main is not kept: the entry point of image 'i' is not known")
    known = plan(logs=True, may_lack=True, container=UNKNOWN, settings=PodSettings(images={"i": ImageEntry(("c",), ())}))
    assert staging(known).logs
    assert not known.warnings


PLUGIN: dict[str, Any] = {"name": "x", "path": "/x", "plugin": {"name": "theirs", "key": "k", "configuration": "{}"}}
DRIVERS = PodSettings(artifact_drivers={"theirs": ArtifactDriver("drivers/theirs:1", 7)}, image_pull_policy="Never")


@pytest.mark.parametrize(("side", "name"), [("inputs", "init"), ("outputs", "wait")])
def test_a_driver_stands_beside_those_that_need_it_and_starts_before_them(side, name):
    made = plan(settings=DRIVERS, **{side: [PLUGIN]})
    driver = spec_of(made)["initContainers"][0]
    assert (driver["name"], driver["image"], driver["restartPolicy"]) == ("artifact-plugin-theirs", "drivers/theirs:1", "Always")
    assert (driver["args"], driver["imagePullPolicy"]) == (["/artifact-plugins/theirs/socket"], "Never")
    for one in (name, "artifact-plugin-theirs"):
        assert mounts(made, one)["/artifact-plugins/theirs"]["name"] == "artifact-plugin-theirs"
    assert "/artifact-plugins/theirs" not in mounts(made, "main")
    assert {"name": "artifact-plugin-theirs", "emptyDir": {}} in spec_of(made)["volumes"]
    moved = [*staging(made).loads, *staging(made).saves]
    assert [one.artifact.plugin.connection_timeout_seconds for one in moved] == [7]


def test_a_pod_whose_artifacts_need_no_driver_has_none():
    made = plan(settings=DRIVERS, inputs=[INPUT], outputs=[OUTPUT])
    assert [one["name"] for one in spec_of(made)["initContainers"]] == ["init"]


def test_several_artifacts_of_one_driver_share_it_and_an_own_timeout_counts():
    own = {**PLUGIN, "name": "y", "path": "/y", "plugin": {**PLUGIN["plugin"], "connectionTimeoutSeconds": 2}}
    made = plan(settings=DRIVERS, inputs=[PLUGIN, own], outputs=[PLUGIN])
    assert [one["name"] for one in spec_of(made)["initContainers"]] == ["artifact-plugin-theirs", "init"]
    assert [load.artifact.plugin.connection_timeout_seconds for load in staging(made).loads] == [7, 2]


def test_a_data_template_that_keeps_its_log_has_its_driver_once():
    listing = {"source": {"artifactPaths": {"name": "x", "plugin": PLUGIN["plugin"]}}, "transformation": [{"expression": "data"}]}
    made = plan(settings=DRIVERS, data=listing, outputs=[{**PLUGIN, "path": "/made"}])
    assert [one["name"] for one in spec_of(made)["initContainers"]].count("artifact-plugin-theirs") == 1
    assert [one["name"] for one in spec_of(made)["volumes"]].count("artifact-plugin-theirs") == 1
    assert "/artifact-plugins/theirs" in mounts(made, "main")
    assert container(made, "main")["securityContext"] == {"runAsUser": 0}
    assert "securityContext" not in container(plan(data={**listing, "source": {"artifactPaths": {"name": "x", "s3": {"key": "k"}}}}), "main")


@pytest.mark.parametrize("side", ["inputs", "outputs"])
def test_a_driver_that_is_not_configured_is_told_before_a_pod_starts(side):
    with pytest.raises(SpecError, match="there is no artifact driver 'theirs'") as error:
        plan(**{side: [PLUGIN]})
    assert "artifactDrivers" in error.value.hint

"""What each pass makes of a template."""

from datetime import timedelta

import pytest

from tiphys.errors import NotFound, SpecError
from tiphys.executor.shim import bring_shim
from tiphys.model.trace import ANNOTATION_SPAN_ID, ANNOTATION_TRACE_ID, annotations
from tiphys.pods.settings import ImageEntry, PodSettings
from tiphys.settings.configuration import KubeConfig
from tiphys.shim import binaries
from tiphys.testing.world import START

RESULT = {"wants_result": True}


# --- metadata


def test_a_templates_metadata_wins_over_the_workflows(plan):
    made = plan({"metadata": {"labels": {"a": "2"}, "annotations": {"c": "3"}}},
                spec={"podMetadata": {"labels": {"a": "1", "b": "1"}, "annotations": {"c": "1"}}})  # fmt: skip
    meta = made.pod["metadata"]
    assert (meta["labels"]["a"], meta["labels"]["b"], meta["annotations"]["c"]) == ("2", "1", "3")


def test_no_metadata_makes_a_pod_another_nodes_or_another_workflows(plan):
    forged = {"labels": {"workflows.argoproj.io/workflow": "x"}, "annotations": {"workflows.argoproj.io/node-id": "x"}}
    meta = plan({"metadata": forged}).pod["metadata"]
    assert meta["labels"]["workflows.argoproj.io/workflow"] == "hello"
    assert meta["annotations"]["workflows.argoproj.io/node-id"] == "hello-1"


def test_the_pod_tells_what_becomes_of_it_after_its_end(plan):
    made = plan(spec={"podGC": {"strategy": "OnPodCompletion", "deleteDelayDuration": "30s"}})
    assert made.pod["metadata"]["annotations"]["workflows.argoproj.io/pod-gc-strategy"] == "OnPodCompletion/30s"
    made = plan(spec={"podGC": {"strategy": "OnPodSuccess"}})
    assert made.pod["metadata"]["annotations"]["workflows.argoproj.io/pod-gc-strategy"] == "OnPodSuccess/5s"


# --- containers


def test_main_stands_over_the_defaults_of_the_configuration(pod):
    defaults = {"resources": {"requests": {"cpu": "1"}, "limits": {"cpu": "2"}}, "env": [{"name": "A", "value": "d"}],
                "imagePullPolicy": "IfNotPresent"}  # fmt: skip
    template = {"container": {"image": "i", "resources": {"limits": {"cpu": "3"}}, "env": [{"name": "A", "value": "u"}]}}
    main = pod(template, settings=PodSettings(main_container=defaults))["containers"][0]
    assert main["resources"] == {"requests": {"cpu": "1"}, "limits": {"cpu": "3"}}
    assert main["imagePullPolicy"] == "IfNotPresent"
    assert main["env"][0] == {"name": "A", "value": "u"}


def test_every_field_of_a_container_reaches_it(pod):
    written = {
        "image": "i", "command": ["c"], "args": ["a"], "workingDir": "/w", "tty": True, "stdin": True,
        "ports": [{"containerPort": 1}], "envFrom": [{"secretRef": {"name": "s"}}], "livenessProbe": {"exec": {"command": ["x"]}},
        "readinessProbe": {"tcpSocket": {"port": 1}}, "startupProbe": {"httpGet": {"port": 1}},
        "lifecycle": {"preStop": {"exec": {"command": ["y"]}}}, "securityContext": {"privileged": True},
        "resources": {"claims": [{"name": "gpu"}]}, "terminationMessagePolicy": "FallbackToLogsOnError",
    }  # fmt: skip
    main = pod({"container": written})["containers"][0]
    assert {key: main[key] for key in written} == written


def test_every_container_knows_where_it_is(pod):
    spec = pod({"initContainers": [{"name": "before", "image": "i"}], "sidecars": [{"name": "beside", "image": "i"}]},
               deadline=START + timedelta(seconds=90))  # fmt: skip
    for container in [*spec["initContainers"], *spec["containers"]]:
        env = {entry["name"]: entry["value"] for entry in container["env"]}
        assert env == {"ARGO_CONTAINER_NAME": container["name"], "ARGO_NODE_ID": "hello-1", "ARGO_WORKFLOW_NAME": "hello",
                       "ARGO_INCLUDE_SCRIPT_OUTPUT": "false", "ARGO_DEADLINE": "2026-01-01T00:01:30Z"}  # fmt: skip


def test_what_a_user_says_about_a_variable_stays(pod):
    main = pod({"container": {"image": "i", "env": [{"name": "ARGO_NODE_ID", "value": "mine"}]}})["containers"][0]
    assert [entry for entry in main["env"] if entry["name"] == "ARGO_NODE_ID"] == [{"name": "ARGO_NODE_ID", "value": "mine"}]


def test_programs_in_a_traced_pod_can_go_on_with_the_span_of_their_node(plan):
    made = plan({"sidecars": [{"name": "s", "image": "i"}]}, settings=PodSettings(is_traced=True)).pod
    named = annotations("u1", "hello-1")
    assert named.items() <= made["metadata"]["annotations"].items()
    above = f"00-{named[ANNOTATION_TRACE_ID]}-{named[ANNOTATION_SPAN_ID]}-01"
    for container in (*made["spec"]["containers"], *made["spec"]["initContainers"]):
        assert {"name": "TRACEPARENT", "value": above} in container["env"], container["name"]
    bare = plan().pod
    assert ANNOTATION_TRACE_ID not in bare["metadata"]["annotations"]
    assert "TRACEPARENT" not in {entry["name"] for entry in bare["spec"]["containers"][0]["env"]}


def test_init_containers_come_before_sidecars_and_both_mirror_mains_mounts(pod):
    mount = {"name": "v", "mountPath": "/v"}
    spec = pod({"container": {"image": "i", "volumeMounts": [mount]}, "volumes": [{"name": "v", "emptyDir": {}}],
                "sidecars": [{"name": "s", "image": "i", "mirrorVolumeMounts": True, "volumeMounts": [{"name": "v", "mountPath": "/v"}]}],
                "initContainers": [{"name": "n", "image": "i", "mirrorVolumeMounts": True}]})  # fmt: skip
    assert [container["name"] for container in spec["initContainers"]] == ["n", "s"]
    assert [container.get("restartPolicy") for container in spec["initContainers"]] == [None, "Always"]
    assert all(container["volumeMounts"] == [mount] for container in spec["initContainers"])
    assert all("mirrorVolumeMounts" not in container for container in spec["initContainers"])


def test_nobody_mirrors_the_shim_or_the_script(pod):
    script = {"script": {"image": "i", "command": ["sh"], "source": "x"}, "container": None,
              "sidecars": [{"name": "s", "image": "i", "mirrorVolumeMounts": True}]}  # fmt: skip
    assert not pod(script, **RESULT)["initContainers"][0].get("volumeMounts")


# --- volumes


def test_only_what_is_mounted_becomes_a_volume(pod):
    volumes = [{"name": "used", "emptyDir": {}}, {"name": "unused", "emptyDir": {}}]
    template = {"container": {"image": "i", "volumeMounts": [{"name": "used", "mountPath": "/v"}]}}
    assert pod(template, spec={"volumes": volumes})["volumes"] == [{"name": "used", "emptyDir": {}}]


def test_a_templates_volume_hides_the_workflows_and_a_claim_is_a_volume(pod):
    mounts = [{"name": "v", "mountPath": "/v"}, {"name": "work", "mountPath": "/w"}]
    claim = {"name": "work", "persistentVolumeClaim": {"claimName": "hello-work"}}
    made = pod({"container": {"image": "i", "volumeMounts": mounts}, "volumes": [{"name": "v", "secret": {"secretName": "s"}}]},
               spec={"volumes": [{"name": "v", "emptyDir": {}}]}, status={"persistentVolumeClaims": [claim]})  # fmt: skip
    assert made["volumes"] == [{"name": "v", "secret": {"secretName": "s"}}, claim]


def test_a_block_device_is_a_volume_too(pod):
    claim = {"name": "disk", "persistentVolumeClaim": {"claimName": "c"}}
    made = pod({"container": {"image": "i", "volumeDevices": [{"name": "disk", "devicePath": "/dev/x"}]}}, spec={"volumes": [claim]})
    assert made["volumes"] == [claim]


def test_a_mount_of_nothing_is_told(pod):
    with pytest.raises(SpecError, match=r"templates\.a\.volumes: volume 'v' not found in workflow spec"):
        pod({"container": {"image": "i", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}})


# --- where and as whom


def test_what_a_template_says_about_nodes_replaces_what_the_workflow_says(pod):
    spec = {"nodeSelector": {"a": "1"}, "tolerations": [{"key": "a"}], "affinity": {"podAffinity": {}}, "schedulerName": "s1",
            "podPriorityClassName": "p1", "hostAliases": [{"ip": "1.1.1.1"}], "hostNetwork": True, "dnsPolicy": "None",
            "dnsConfig": {"nameservers": ["9.9.9.9"]}, "podResources": {"limits": {"cpu": "1"}}, "resourceClaims": [{"name": "g"}]}  # fmt: skip
    template = {"nodeSelector": {"b": "2"}, "tolerations": [{"key": "b"}], "affinity": {"nodeAffinity": {}}, "schedulerName": "s2",
                "priorityClassName": "p2", "hostAliases": [{"ip": "2.2.2.2"}], "podResources": {"limits": {"cpu": "2"}},
                "resourceClaims": [{"name": "h"}]}  # fmt: skip
    of_workflow, of_template = pod(spec=spec), pod(template, spec=spec)
    assert (of_workflow["nodeSelector"], of_template["nodeSelector"]) == ({"a": "1"}, {"b": "2"})
    assert (of_workflow["tolerations"], of_template["tolerations"]) == ([{"key": "a"}], [{"key": "b"}])
    assert (of_workflow["affinity"], of_template["affinity"]) == ({"podAffinity": {}}, {"nodeAffinity": {}})
    assert (of_workflow["schedulerName"], of_template["schedulerName"]) == ("s1", "s2")
    assert (of_workflow["priorityClassName"], of_template["priorityClassName"]) == ("p1", "p2")
    assert (of_workflow["resources"], of_template["resources"]) == ({"limits": {"cpu": "1"}}, {"limits": {"cpu": "2"}})
    assert (of_workflow["resourceClaims"], of_template["resourceClaims"]) == ([{"name": "g"}], [{"name": "h"}])
    assert of_template["hostAliases"] == [{"ip": "1.1.1.1"}, {"ip": "2.2.2.2"}]
    assert (of_template["hostNetwork"], of_template["dnsPolicy"]) == (True, "None")
    assert of_template["dnsConfig"] == {"nameservers": ["9.9.9.9"]}


def test_a_token_is_there_only_for_who_needs_one(pod):
    assert pod()["automountServiceAccountToken"] is False
    assert pod(spec={"serviceAccountName": "s"})["automountServiceAccountToken"] is True
    assert pod({"automountServiceAccountToken": False}, spec={"serviceAccountName": "s"})["automountServiceAccountToken"] is False
    assert pod(spec={"automountServiceAccountToken": True})["automountServiceAccountToken"] is True
    resource = {"container": None, "resource": {"action": "get", "manifest": "x"}}
    assert pod(resource, spec={"automountServiceAccountToken": False})["automountServiceAccountToken"] is True


def test_a_resource_template_acts_as_the_executors_account(pod):
    resource = {"container": None, "resource": {"action": "get", "manifest": "x"}, "executor": {"serviceAccountName": "acting"}}
    assert pod(resource, spec={"serviceAccountName": "user"})["serviceAccountName"] == "acting"
    assert pod({"executor": {"serviceAccountName": "acting"}}, spec={"serviceAccountName": "user"})["serviceAccountName"] == "user"


def test_the_executor_looks_as_the_configuration_says(pod):
    settings = PodSettings(executor={"image": "mine:1", "resources": {"limits": {"memory": "1Gi"}}, "env": [{"name": "A", "value": "1"}],
                                     "securityContext": {"runAsUser": 5}})  # fmt: skip
    main = pod({"container": None, "resource": {"action": "get", "manifest": "x"}}, settings=settings)["containers"][0]
    assert (main["image"], main["resources"], main["securityContext"]) == ("mine:1", {"limits": {"memory": "1Gi"}}, {"runAsUser": 5})
    assert main["command"] == ["tiphys", "executor", "resource"]
    assert {"name": "A", "value": "1"} in main["env"]


def test_a_pods_security_context_is_the_templates_before_the_workflows(pod):
    assert pod({"securityContext": {"runAsUser": 2}}, spec={"securityContext": {"runAsUser": 1}})["securityContext"] == {"runAsUser": 2}


def test_restricted_pods_are_what_the_standard_demands_unless_users_say_otherwise(pod):
    spec = pod({"container": {"image": "i", "securityContext": {"capabilities": {"add": ["NET_BIND_SERVICE"]}}},
                "sidecars": [{"name": "s", "image": "i"}]}, settings=PodSettings(security="restricted"))  # fmt: skip
    assert spec["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert spec["containers"][0]["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"add": ["NET_BIND_SERVICE"]}}
    assert spec["initContainers"][0]["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    asked = {"container": {"image": "i", "securityContext": {"privileged": True}}}
    assert pod(asked, settings=PodSettings(security="restricted"))["containers"][0]["securityContext"] == {"privileged": True}


# --- deadlines


def test_a_timeout_counts_instead_of_every_other_deadline(pod):
    template = {"activeDeadlineSeconds": 5}
    later = {"deadline": START + timedelta(seconds=10), "timeout": START + timedelta(seconds=60)}
    assert pod(template, **later)["activeDeadlineSeconds"] == 60
    assert pod(template, deadline=later["deadline"])["activeDeadlineSeconds"] == 5


def test_a_paused_container_has_no_deadline(pod):
    paused = {"container": {"image": "i", "command": ["run"], "env": [{"name": "ARGO_DEBUG_PAUSE_AFTER", "value": "true"}]}, "activeDeadlineSeconds": 5}
    assert "activeDeadlineSeconds" not in pod(paused)


# --- patches


def test_the_workflows_patch_comes_before_the_templates(pod):
    made = pod({"podSpecPatch": '{"terminationGracePeriodSeconds": 7, "runtimeClassName": "kata"}'},
               spec={"podSpecPatch": "terminationGracePeriodSeconds: 3\nenableServiceLinks: false\n"})  # fmt: skip
    assert (made["terminationGracePeriodSeconds"], made["runtimeClassName"], made["enableServiceLinks"]) == (7, "kata", False)
    assert {"name": "ARGO_TERMINATION_GRACE_PERIOD_SECONDS", "value": "7"} in made["containers"][0]["env"]


def test_a_patched_command_is_wrapped_too(pod):
    made = pod({"podSpecPatch": "containers: [{name: main, command: [other], args: [x]}]"}, **RESULT)
    assert made["containers"][0]["command"] == ["/argo-shim/shim", "--grace", "28", "--result", "--", "other"]
    assert made["containers"][0]["args"] == ["x"]


def test_a_patch_may_mount_a_volume_of_the_workflow(pod):
    patch = "containers: [{name: main, volumeMounts: [{name: v, mountPath: /v}]}]"
    assert pod({"podSpecPatch": patch}, spec={"volumes": [{"name": "v", "emptyDir": {}}]})["volumes"] == [{"name": "v", "emptyDir": {}}]


def test_a_patch_may_add_a_container_and_a_volume(pod):
    patch = "{containers: [{name: more, image: i, volumeMounts: [{name: v, mountPath: /v}]}], volumes: [{name: v, emptyDir: {}}]}"
    made = pod({"podSpecPatch": patch}, **RESULT)
    assert [container["name"] for container in made["containers"]] == ["more", "main"]
    assert "command" not in made["containers"][0]
    assert made["containers"][1]["command"][0] == "/argo-shim/shim"


@pytest.mark.parametrize("patch", ["[1]", "a: [", "text", "{1: 2}", "&a [*a]", "2026-99-99"])
def test_a_patch_that_is_no_object_is_told_with_its_place(pod, patch):
    with pytest.raises(SpecError, match=r"^templates\.a\.podSpecPatch: is "):
        pod({"podSpecPatch": patch})


# --- scripts


def test_a_script_without_a_command_runs_by_its_first_line(pod):
    main = pod({"container": None, "script": {"image": "i", "source": "#!/bin/sh\necho"}})["containers"][0]
    assert (main["command"], main.get("args")) == (["/argo/staging/script"], None)


def test_annotations_that_are_long_already_leave_no_room_for_the_script(plan):
    script = {"container": None, "script": {"image": "i", "command": ["sh"], "source": "#" * 100_000}}
    assert not plan(script).config_maps
    assert plan({**script, "metadata": {"annotations": {"a": "x" * 120_000}}}).config_maps


def test_a_script_that_no_config_map_holds_is_refused(pod):
    with pytest.raises(SpecError, match=r"templates\.a\.script\.source: is 1100000 bytes long"):
        pod({"container": None, "script": {"image": "i", "command": ["sh"], "source": "#" * 1_100_000}})


# --- the shim


def test_an_image_of_the_configuration_gives_command_and_arguments(pod):
    settings = PodSettings(images={"i": ImageEntry(("run",), ("a",))})
    main = pod({"container": {"image": "i"}}, settings=settings, **RESULT)["containers"][0]
    assert (main["command"][-1], main["args"]) == ("run", ["a"])
    bare = pod({"container": {"image": "i"}}, settings=settings)["containers"][0]
    assert "command" not in bare


def test_the_record_goes_where_the_container_says_messages_go(pod):
    main = pod({"container": {"image": "i", "command": ["c"], "terminationMessagePath": "/out/m"}}, **RESULT)["containers"][0]
    assert main["command"][:3] == ["/argo-shim/shim", "--termination", "/out/m"]


MIXED = PodSettings(architectures=("amd64", "arm64"))


@pytest.mark.parametrize(
    "where",
    [
        {"nodeSelector": {"kubernetes.io/arch": "arm64"}},
        {"podSpecPatch": "nodeSelector: {kubernetes.io/arch: arm64}"},
        {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
            {"matchExpressions": [{"key": "kubernetes.io/arch", "operator": "In", "values": ["arm64"]}]}]}}}},
    ],
)  # fmt: skip
def test_in_a_mixed_cluster_a_pod_bound_to_one_architecture_gets_its_shim(pod, where):
    made = pod(where, settings=MIXED, **RESULT)
    assert made["volumes"][0]["configMap"]["items"] == [{"key": "arm64", "path": "shim"}]
    assert "initContainers" not in made


def test_in_a_mixed_cluster_an_unbound_pod_brings_its_shim_along(pod):
    made = pod(settings=MIXED, **RESULT)
    assert made["volumes"] == [{"name": "tiphys-shim", "emptyDir": {}}]
    bringer = made["initContainers"][0]
    assert bringer["command"] == ["tiphys", "executor", "shim", "/argo-shim/shim"]
    assert bringer["volumeMounts"] == [{"name": "tiphys-shim", "mountPath": "/argo-shim"}]
    assert "initContainers" not in pod(settings=MIXED)


def test_the_executor_brings_the_shim_of_its_machine(tmp_path):
    for machine, name in (("x86_64", "amd64"), ("aarch64", "arm64")):
        bring_shim(tmp_path / name, machine)
        assert (tmp_path / name).read_bytes() == binaries()[name]
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o755
    with pytest.raises(NotFound, match="there is no shim for riscv64"):
        bring_shim(tmp_path / "x", "riscv64")


def test_a_command_that_does_not_end_leaves_time_for_its_record(pod):
    quick = {"podSpecPatch": "terminationGracePeriodSeconds: 2"}
    assert pod(quick, **RESULT)["containers"][0]["command"] == ["/argo-shim/shim", "--result", "--", "run"]
    slow = {"podSpecPatch": "terminationGracePeriodSeconds: 60"}
    assert pod(slow, **RESULT)["containers"][0]["command"][:3] == ["/argo-shim/shim", "--grace", "58"]


def test_a_sidecar_whose_command_is_known_is_held_when_it_ends_by_itself(pod):
    sidecars = [{"name": "once", "image": "i", "command": ["c"], "args": ["a"], "terminationMessagePath": "/out/m"}, {"name": "known", "image": "k"},
                {"name": "unknown", "image": "u", "args": ["a"]}]  # fmt: skip
    made = pod({"sidecars": sidecars, "initContainers": [{"name": "before", "image": "i", "command": ["b"]}]},
               settings=PodSettings(images={"k": ImageEntry(("entry",), ("x",))}))  # fmt: skip
    before, once, known, unknown = made["initContainers"]
    assert before["command"] == ["b"]
    assert (once["command"], once["args"]) == (["/argo-shim/shim", "--hold", "--termination", "/out/m", "--", "c"], ["a"])
    assert (known["command"], known["args"]) == (["/argo-shim/shim", "--hold", "--", "entry"], ["x"])
    assert "command" not in unknown
    assert [volume["name"] for volume in made["volumes"]] == ["tiphys-shim"]
    assert made["containers"][0]["command"] == ["run"]


# --- resources and other systems

RESOURCE = {"container": None, "resource": {"action": "create", "manifest": "x"}}


def test_a_long_resource_template_is_handed_on_in_a_file(plan):
    made = plan({"container": None, "resource": {"action": "create", "manifest": "#" * 200_000}})
    main = made.pod["spec"]["containers"][0]
    name = made.config_maps[0]["metadata"]["name"]
    assert {"name": "TIPHYS_TEMPLATE_FILE", "value": "/argo/template/template"} in main["env"]
    assert made.pod["spec"]["volumes"] == [{"name": "tiphys-template", "configMap": {"name": name}}]
    assert "#" * 200_000 in made.config_maps[0]["data"]["template"]
    assert not plan(RESOURCE).config_maps


def test_a_resource_template_may_use_another_clusters_kubeconfig(pod):
    settings = PodSettings(kube_config=KubeConfig(secret_name="remote", secret_key="config"))  # noqa: S106
    spec = pod(RESOURCE, settings=settings)
    main = spec["containers"][0]
    assert main["volumeMounts"] == [{"name": "kubeconfig", "mountPath": "/kube/config", "subPath": "config", "readOnly": True}]
    assert {"name": "KUBECONFIG", "value": "/kube/config"} in main["env"]
    assert spec["volumes"] == [{"name": "kubeconfig", "secret": {"secretName": "remote"}}]
    assert "volumes" not in pod(settings=settings)


def test_windows_runs_what_gives_nothing_back_and_refuses_the_rest(pod):
    windows = {"nodeSelector": {"kubernetes.io/os": "windows"}}
    assert pod(windows)["containers"][0]["command"] == ["run"]
    with pytest.raises(SpecError, match=r"templates\.a\.nodeSelector: results, output parameters and sidecars are not supported on Windows"):
        pod(windows, **RESULT)


def test_a_container_may_be_paused_before_and_after_its_command(pod):
    env = [{"name": "ARGO_DEBUG_PAUSE_BEFORE", "value": "true"}, {"name": "ARGO_DEBUG_PAUSE_AFTER", "value": "false"}]
    made = pod({"container": {"image": "i", "command": ["run"], "env": env}})
    main = made["containers"][0]
    assert main["command"] == ["/argo-shim/shim", "--grace", "28", "--pause-before", "/var/run/argo/ctr/main/before", "--", "run"]
    assert {"name": "var-run-argo", "emptyDir": {}} in made["volumes"]


def test_a_patch_that_unfolds_into_millions_is_refused_at_once(pod):
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True))  # fmt: skip
    with pytest.raises(SpecError, match=r"templates\.a\.podSpecPatch: holds more than 20000 values"):
        pod({"podSpecPatch": bomb})
    with pytest.raises(SpecError, match=r"podSpecPatch: holds more than 20000 values"):
        pod({"podSpecPatch": "a: &a [*a]"})


@pytest.mark.parametrize(("said", "is_told"), [("true", True), ("no", False), ("", False)])
def test_a_resource_step_is_told_to_delete_what_it_made_by_an_annotation_only(pod, said, is_told):
    resource = {"action": "create", "manifest": "{apiVersion: v1, kind: ConfigMap, metadata: {name: x}}"}
    template = {"container": None, "resource": resource, "annotations": {"tiphys.io/delete-on-stop": said}}
    main = pod(template)["containers"][0]
    assert ({"name": "TIPHYS_DELETE_ON_STOP", "value": "true"} in main["env"]) is is_told

"""Pods as they are built: one container, and what the step needs."""

from datetime import timedelta

import msgspec
import pytest

from tiphys.errors import SpecError
from tiphys.model.order import NodeOrder
from tiphys.model.parse import parse_as
from tiphys.model.template import Template
from tiphys.pods.build import PodPlan, build
from tiphys.pods.settings import ImageEntry, PodSettings
from tiphys.testing.world import START, World, workflow_of

WORKFLOW = workflow_of("{metadata: {name: hello, namespace: argo, uid: u1}, spec: {entrypoint: a}}")


def plan(template: dict[str, object], settings: PodSettings | None = None, **order: object) -> PodPlan:
    made = NodeOrder(node_id="hello-1", node_name="hello.a", pod_name="hello-a-1", template_name="a",
                     template=parse_as(Template, {"name": "a", **template}), **order)  # type: ignore[arg-type]  # fmt: skip
    workflow = WORKFLOW
    return build(made, workflow, settings or PodSettings(), START)


def main_of(made: PodPlan) -> dict[str, object]:
    return made.pod["spec"]["containers"][0]


def test_a_container_that_gives_nothing_back_is_left_as_it_is():
    made = plan({"container": {"image": "docker/whalesay", "args": ["x"], "env": [{"name": "A", "value": "b"}]}})
    assert main_of(made)["image"] == "docker/whalesay"
    assert "command" not in main_of(made)
    assert main_of(made)["args"] == ["x"]
    assert made.pod["spec"]["automountServiceAccountToken"] is False
    assert set(made.pod["spec"]) == {"restartPolicy", "containers", "automountServiceAccountToken"}
    assert not made.needs_shim


def test_names_labels_annotations_and_the_owner_are_those_that_clients_know():
    meta = plan({"container": {"image": "i"}}, PodSettings(instance_id="x")).pod["metadata"]
    assert meta["name"] == "hello-a-1"
    assert meta["labels"] == {"workflows.argoproj.io/workflow": "hello", "workflows.argoproj.io/completed": "false",
                              "workflows.argoproj.io/controller-instanceid": "x"}  # fmt: skip
    assert meta["annotations"]["workflows.argoproj.io/node-name"] == "hello.a"
    assert meta["annotations"]["workflows.argoproj.io/node-id"] == "hello-1"
    assert meta["annotations"]["kubectl.kubernetes.io/default-container"] == "main"
    assert meta["ownerReferences"] == [{"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": "hello", "uid": "u1",
                                        "controller": True, "blockOwnerDeletion": True}]  # fmt: skip


def test_the_pods_of_exit_handlers_say_so_and_those_whose_status_is_kept_have_a_finalizer():
    made = plan({"container": {"image": "i"}}, PodSettings(keeps_status=True), is_exit_handler=True).pod["metadata"]
    assert made["labels"]["workflows.argoproj.io/on-exit"] == "true"
    assert made["finalizers"] == ["workflows.argoproj.io/status"]


def test_what_is_wanted_back_is_the_shims_business():
    template = {"container": {"image": "i", "command": ["c"], "args": ["x"]},
                "outputs": {"parameters": [{"name": "p", "valueFrom": {"path": "/p", "default": "d"}}]}}  # fmt: skip
    made = plan(template, wants_result=True)
    assert main_of(made)["command"] == ["/argo-shim/shim", "--grace", "28", "--result", "--parameter", "p=/p", "--default", "p=d", "--", "c"]
    assert main_of(made)["args"] == ["x"]
    assert made.needs_shim


def test_in_a_pod_of_many_containers_a_message_may_be_shorter():
    sidecars = [{"name": f"s{i}", "image": "i"} for i in range(4)]
    made = plan({"container": {"image": "i", "command": ["c"]}, "sidecars": sidecars}, wants_result=True)
    assert main_of(made)["command"][:3] == ["/argo-shim/shim", "--limit", "2457"]


def test_an_image_without_a_command_whose_outputs_are_wanted_needs_an_entry():
    template = {"container": {"image": "i", "args": ["x"]}}
    with pytest.raises(SpecError, match=r"templates.a.container.command: the entry point of image \"i\" is not known"):
        plan(template, wants_result=True)
    made = plan(template, PodSettings(images={"i": ImageEntry(("run",), ("it",))}), wants_result=True)
    assert main_of(made)["command"][-1] == "run"
    assert main_of(made)["args"] == ["x"]


def test_a_script_is_a_file_from_an_annotation():
    made = plan({"script": {"image": "i", "command": ["python"], "source": "print(1)"}})
    assert main_of(made)["command"] == ["python"]
    assert main_of(made)["args"] == ["/argo/staging/script"]
    assert made.pod["metadata"]["annotations"]["tiphys.io/script"] == "print(1)"
    assert "source" not in main_of(made)


def test_a_long_script_is_a_config_map():
    made = plan({"script": {"image": "i", "command": ["python"], "source": "#" * 300_000}})
    assert made.config_maps[0]["data"]["script"] == "#" * 300_000
    assert made.pod["spec"]["volumes"][0]["configMap"]["name"] == made.config_maps[0]["metadata"]["name"]


def test_deadlines_are_what_is_left_of_them():
    made = plan({"container": {"image": "i"}, "activeDeadlineSeconds": "30"}, deadline=START + timedelta(seconds=10))
    assert made.pod["spec"]["activeDeadlineSeconds"] == 10
    with pytest.raises(SpecError, match=r"templates.a.activeDeadlineSeconds"):
        plan({"container": {"image": "i"}, "activeDeadlineSeconds": "soon"})


def test_hosts_of_failed_attempts_are_avoided():
    made = plan({"container": {"image": "i"}}, avoid_hosts=("n1",))
    terms = made.pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert terms == [{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "NotIn", "values": ["n1"]}]}]


def test_a_pod_spec_patch_has_the_last_word():
    made = plan({"container": {"image": "i"}, "podSpecPatch": "containers: [{name: main, resources: {limits: {cpu: 1}}}]"})
    assert main_of(made)["resources"] == {"limits": {"cpu": 1}}
    assert main_of(made)["image"] == "i"


def test_building_twice_builds_the_same():
    template = {"script": {"image": "i", "command": ["sh"], "source": "x"}, "sidecars": [{"name": "s", "image": "i"}]}
    assert msgspec.json.encode(plan(template)) == msgspec.json.encode(plan(template))


OF_PODS = """
entrypoint: main
arguments: {parameters: [{name: p, value: '{{="{{" + "workflow.name}}"}}'}]}
nodeSelector: {zone: "{{inputs.parameters.z}}", plain: "{{workflow.parameters.p}}", other: "{{nobody.knows}}"}
podMetadata: {labels: {node: "{{pod.name}}"}}
podSpecPatch: '{"terminationGracePeriodSeconds": {{inputs.parameters.n}}, "hostname": "{{pod.name}}"}'
tolerations: [{key: "{{inputs.parameters.z}}", operator: Exists}]
volumes: [{name: v, configMap: {name: "of-{{inputs.parameters.z}}-{{workflow.name}}"}}]
templates:
- name: main
  steps: [[{name: a, template: t, arguments: {parameters: [{name: z, value: "{{item}}"}]}, withItems: [east, west]}]]
- name: t
  retryStrategy: {limit: 1}
  inputs: {parameters: [{name: z}, {name: n, value: "7"}]}
  container: {image: i, command: [c], volumeMounts: [{name: v, mountPath: /v}]}
"""


@pytest.mark.parametrize("restores", [False, True])
def test_what_the_workflow_says_of_its_pods_may_read_their_inputs_and_names_and_no_value_is_read_twice(restores):
    world = World(OF_PODS, restores=restores)
    for order, zone in zip(world.orders, ("east", "west"), strict=True):
        pod = build(order, world.run.effective, PodSettings(), START).pod
        spec = pod["spec"]
        assert spec["nodeSelector"] == {"zone": zone, "plain": "{{workflow.name}}", "other": "{{nobody.knows}}"}
        assert (spec["hostname"], spec["terminationGracePeriodSeconds"]) == (order.pod_name, 7)
        assert (spec["tolerations"][0]["key"], spec["volumes"][0]["configMap"]["name"]) == (zone, f"of-{zone}-hello")
        assert pod["metadata"]["labels"]["node"] == order.pod_name

"""The agent's pod, and the plugins beside it."""

import json

import pytest

from tiphys.errors import SpecError
from tiphys.model.parse import parse_as
from tiphys.model.spec import ExecutorPlugin
from tiphys.model.task_set import agent_name
from tiphys.pods.agent import agent_pod, plugin_of_config_map, plugin_of_spec
from tiphys.pods.settings import PodSettings
from tiphys.testing.world import workflow_of

WORKFLOW = workflow_of(
    "{metadata: {name: hello, namespace: argo, uid: u1}, spec: {entrypoint: a, serviceAccountName: work, executor: {serviceAccountName: agent}}}"
)
CONTAINER = "name: hi\nimage: plug:1\nports: [{containerPort: 4355}]\nvolumeMounts: [{name: own, mountPath: /own}]\n"


def test_an_agent_without_plugins_is_one_container_with_a_token():
    pod = agent_pod(WORKFLOW, PodSettings(), ())
    assert pod["metadata"]["name"] == agent_name("hello") == "hello-1340600742-agent"
    assert pod["metadata"]["labels"]["workflows.argoproj.io/component"] == "agent"
    assert pod["metadata"]["ownerReferences"][0]["uid"] == "u1"
    spec = pod["spec"]
    assert (spec["restartPolicy"], spec["serviceAccountName"], spec["automountServiceAccountToken"]) == ("OnFailure", "agent", True)
    assert [container["command"] for container in spec["containers"]] == [["tiphys", "executor", "agent"]]
    assert "initContainers" not in spec


def test_plugins_are_native_sidecars_that_share_a_token_with_the_agent():
    plugin = plugin_of_config_map("hello-executor-plugin", {"sidecar.container": CONTAINER})
    spec = agent_pod(WORKFLOW, PodSettings(), (plugin,))["spec"]
    init, sidecar = spec["initContainers"]
    assert init["command"] == ["tiphys", "executor", "agent-tokens", "hello"]
    assert (sidecar["name"], sidecar["restartPolicy"]) == ("hi", "Always")
    assert sidecar["volumeMounts"][-1] == {"name": "var-run-argo", "mountPath": "/var/run/argo", "subPath": "hello", "readOnly": True}
    told = {one["name"]: one["value"] for one in spec["containers"][0]["env"]}
    assert json.loads(told["TIPHYS_PLUGINS"]) == [
        {"name": "hello", "address": "http://localhost:4355", "tokenFile": "/var/run/argo/hello/token"}
    ]


@pytest.mark.parametrize(
    ("values", "message"),
    [({}, "must be a container with an image"), ({"sidecar.container": "{a: ["}, "sidecar.container: "), ({"sidecar.container": "- x"}, "must be a container")],
)  # fmt: skip
def test_a_plugin_that_cannot_be_read_says_why(values, message):
    with pytest.raises(SpecError, match=message):
        plugin_of_config_map("x", values)


def test_a_plugin_needs_a_port():
    plugin = plugin_of_spec(parse_as(ExecutorPlugin, {"metadata": {"name": "p"}, "spec": {"sidecar": {"container": {"image": "i"}}}}))
    with pytest.raises(SpecError, match="executor plugin p: its container must say a port"):
        agent_pod(WORKFLOW, PodSettings(), (plugin,))
    with pytest.raises(SpecError, match=r"spec\.sidecar\.container is required"):
        plugin_of_spec(parse_as(ExecutorPlugin, {"metadata": {"name": "p"}}))

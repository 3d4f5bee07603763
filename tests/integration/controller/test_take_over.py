"""A workflow that Argo's controller began, with pods of its executor, is followed to its end."""

from tests.integration.controller.conftest import ARGO, Harbour, place

from tiphys.local.objects import Place
from tiphys.testing.apiserver import Ending

W = "workflows.argoproj.io/"
SPEC = """
entrypoint: main
templates:
- name: main
  steps: [[{name: make, template: make}], [{name: use, template: use, arguments: {parameters: [{name: x, value: "{{steps.make.outputs.parameters.out}}"}]}}]]
- {name: make, outputs: {parameters: [{name: out, valueFrom: {path: /tmp/out}}]}, container: {image: i, command: [c]}}
- {name: use, inputs: {parameters: [{name: x}]}, container: {image: i, command: [c], args: ["{{inputs.parameters.x}}"]}}
"""


async def test_outputs_that_argos_executor_wrote_are_used_and_its_results_deleted(harbour: Harbour) -> None:
    harbour.server.kubelet.behave = lambda _pod: Ending(hangs=True)
    life = await harbour.controller()
    harbour.submit(SPEC)
    await harbour.until(lambda: [pod["status"].get("phase") for pod in harbour.pods()] == ["Running"])
    await harbour.until(lambda: harbour.nodes().get("w[0].make") == "Running")
    await harbour.kill(life)
    pod = harbour.pods()[0]
    node, name = pod["metadata"]["annotations"][W + "node-id"], pod["metadata"]["name"]
    ended = {"terminated": {"exitCode": 0, "reason": "Completed"}}
    status = {"phase": "Succeeded", "containerStatuses": [{"name": "wait", "state": ended}, {"name": "main", "state": ended}]}
    harbour.server.kubelet.behave = lambda _pod: Ending()
    harbour.server.store.patch(place(name, "pods"), {"status": status})
    result = Place(ARGO, "workflowtaskresults", "ns", node)
    harbour.server.store.create(result, {
        "metadata": {"name": node, "namespace": "ns", "labels": {W + "workflow": "w", W + "report-outputs-completed": "true"}},
        "outputs": {"parameters": [{"name": "out", "value": "from argo"}]}})  # fmt: skip
    await harbour.controller()
    await harbour.finished("w")
    assert harbour.status()["phase"] == "Succeeded"
    used = next(one for one in harbour.pods() if "-use-" in one["metadata"]["name"])
    assert used["spec"]["containers"][0]["args"][-1] == "from argo"
    await harbour.until(lambda: not harbour.server.store.find(ARGO, "workflowtaskresults"))

"""The controller is killed again and again on a real cluster, at moments that nobody chose."""

import json
import random
import time

from tests.e2e.conftest import INSTANCE, INSTANCE_LABEL, Cluster, ControllerProcess, nodes

WORKFLOW = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {{name: k{index}, labels: {{{label}: {instance}}}}}
spec:
  entrypoint: main
  onExit: bye
  templates:
  - name: main
    steps:
    - - {{name: make, template: make}}
    - - {{name: use, template: use, arguments: {{parameters: [{{name: x, value: "{{{{item}}}}-{{{{steps.make.outputs.result}}}}"}}]}}, withItems: [a, b]}}
    - - {{name: flaky, template: flaky}}
  - {{name: make, script: {{image: alpine, command: [sh], source: echo {index}}}}}
  - name: use
    inputs: {{parameters: [{{name: x}}]}}
    container: {{image: alpine, command: [sh, -c], args: ["test '{{{{inputs.parameters.x}}}}' != '' && sleep 1"]}}
  - name: flaky
    retryStrategy: {{limit: 2}}
    container: {{image: alpine, command: [sh, -c], args: ["exit $(( {{{{retries}}}} < 1 ))"]}}
  - {{name: bye, container: {{image: alpine, command: ["true"]}}}}
"""
COUNT, KILLS = 5, 6


def test_random_kills_lose_no_node_and_start_nothing_twice(kept: Cluster, keeper: ControllerProcess) -> None:
    moments = random.Random(7)  # noqa: S311 the same moments each time
    for index in range(COUNT):
        kept.apply(WORKFLOW.format(index=index, label=INSTANCE_LABEL, instance=INSTANCE))
    for _ in range(KILLS):
        time.sleep(moments.uniform(0.3, 2.5))
        keeper.kill()
        keeper.start()
    for index in range(COUNT):
        found = kept.finished(f"k{index}", 150)
        assert found["status"]["phase"] == "Succeeded", json.dumps(found["status"], indent=1)[:3000]
        phases = {phase for _kind, phase in nodes(found).values()}
        assert phases == {"Succeeded", "Failed"}
        assert [phase for display, (kind, phase) in nodes(found).items() if kind == "Pod"].count("Failed") == 1
        assert found["metadata"]["labels"]["workflows.argoproj.io/completed"] == "true"
    pods = json.loads(kept.kubectl("get", "pods", "-o", "json"))["items"]
    # make, two of use, two attempts of flaky, bye: each once, under its own name
    assert len(pods) == 6 * COUNT
    events = json.loads(kept.kubectl("get", "events", "-o", "json", "--field-selector", "reason=Scheduled"))["items"]
    assert len({event["involvedObject"]["uid"] for event in events}) == 6 * COUNT

import pytest

from tiphys.engine.actions import CollectNode, CreateBudget, DeleteOwned
from tiphys.engine.pod_gc import is_collected
from tiphys.testing.world import World

SPEC = "entrypoint: a\ntemplates: [{name: a, steps: [[{name: b, template: t}]]}, {name: t, container: {image: i}}]\n"


@pytest.mark.parametrize(
    ("strategy", "node", "workflow", "want"),
    [
        ("OnPodCompletion", "Succeeded", "Running", True),
        ("OnPodCompletion", "Failed", "Running", True),
        ("OnPodCompletion", "Running", "Running", False),
        ("OnPodSuccess", "Succeeded", "Running", True),
        ("OnPodSuccess", "Failed", "Failed", False),
        ("OnWorkflowCompletion", "Succeeded", "Running", False),
        ("OnWorkflowCompletion", "Succeeded", "Error", True),
        ("OnWorkflowSuccess", "Failed", "Succeeded", True),
        ("OnWorkflowSuccess", "Succeeded", "Failed", False),
        ("", "Succeeded", "Succeeded", False),
    ],
)
def test_a_pod_goes_when_its_strategy_says_so(strategy, node, workflow, want):
    assert is_collected(strategy, node, workflow) is want


def collected(strategy, phase, **fields):
    world = World(SPEC + f"podGC: {{strategy: {strategy}, deleteDelayDuration: 7s}}", lambda _: {"phase": phase, **fields}).play()
    return [(action.pod_name, action.delay_seconds) for action in world.actions if isinstance(action, CollectNode)]


def test_the_end_of_a_pod_or_of_the_workflow_collects_pods():
    (pod,) = {name for name, _ in collected("OnPodCompletion", "Succeeded")}
    assert pod.startswith("hello-t-")
    assert collected("OnPodCompletion", "Failed", exit_code=1) == [(pod, 7.0)]
    assert collected("OnPodSuccess", "Failed", exit_code=1) == []
    assert collected("OnWorkflowCompletion", "Failed", exit_code=1) == [(pod, 7.0)]
    assert collected("OnWorkflowSuccess", "Failed", exit_code=1) == []
    assert collected("OnWorkflowSuccess", "Succeeded") == [(pod, 7.0)]


@pytest.mark.parametrize("restores", [False, True])
def test_a_disruption_budget_lives_as_long_as_the_workflow(restores):
    world = World(SPEC + "podDisruptionBudget: {minAvailable: 9999}", restores=restores).play()
    made = [action.manifest for action in world.actions if isinstance(action, CreateBudget)]
    assert made[0]["spec"] == {"selector": {"matchLabels": {"workflows.argoproj.io/workflow": "hello"}}, "minAvailable": 9999}
    assert made[0]["metadata"]["name"] == "hello"
    assert made[0]["metadata"]["ownerReferences"][0]["kind"] == "Workflow"
    assert [action for action in world.actions if isinstance(action, DeleteOwned)] == [DeleteOwned("PodDisruptionBudget", "hello")]


CLAIMS = SPEC + "volumeClaimTemplates: [{metadata: {name: work}, spec: {}}]\n"


@pytest.mark.parametrize(
    ("strategy", "phase", "goes"),
    [("", "Succeeded", True), ("", "Failed", False), ("OnWorkflowSuccess", "Failed", False), ("OnWorkflowCompletion", "Failed", True)],
)
def test_claims_go_with_the_workflow_as_their_strategy_says(strategy, phase, goes):
    from tiphys.engine.events import ClaimsCreated

    gc = f"volumeClaimGC: {{strategy: {strategy}}}" if strategy else ""
    world = World(CLAIMS + gc, lambda _: {"phase": phase, "exit_code": int(phase == "Failed")})
    world.send(ClaimsCreated())
    world.play()
    assert world.phase == phase
    deleted = [action.name for action in world.actions if isinstance(action, DeleteOwned)]
    assert deleted == (["hello-work"] if goes else [])
    assert bool(world.stored["status"].get("persistentVolumeClaims")) is not goes

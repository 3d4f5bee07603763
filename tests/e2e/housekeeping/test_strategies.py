"""Which pods go, and what goes with a workflow, on a real cluster."""

from tests.e2e.conftest import Cluster
from tests.e2e.housekeeping.test_housekeeping import STEP, names, submit, until


def test_each_strategy_chooses_its_pods_and_a_deleted_workflow_takes_along_what_was_made_for_it(cluster: Cluster) -> None:
    bad = {"name": "bad", "container": {"image": "alpine", "command": ["false"]}}
    nap = {"name": "nap", "container": {"image": "alpine", "command": ["sleep", "100"]}}
    long = {"name": "t", "script": {"image": "alpine", "command": ["sh"], "source": "sleep 100\n" + "# much\n" * 40_000}}
    pair = {"name": "pair", "steps": [[{"name": "good", "template": "t"}, {"name": "bad", "template": "bad"}]]}
    at_once = "terminationGracePeriodSeconds: 1"
    submit(cluster, "long", templates=[long], podSpecPatch=at_once)
    submit(cluster, "succeeded-pods", entrypoint="pair", templates=[pair, STEP, bad], podGC={"strategy": "OnPodSuccess", "deleteDelayDuration": "0s"})
    for name, entrypoint in (("good", "t"), ("failed", "bad")):
        submit(cluster, f"{name}-workflow", entrypoint=entrypoint, templates=[STEP, bad], podGC={"strategy": "OnWorkflowSuccess"})
    submit(cluster, "asleep", entrypoint="nap", templates=[nap], podSpecPatch=at_once, podGC={"strategy": "OnWorkflowCompletion", "deleteDelayDuration": "0s"})
    until(lambda: {"long", "asleep"} <= names(cluster, "pods"))
    made = names(cluster, "configmaps")
    assert any(name.startswith("long") for name in made), made
    cluster.kubectl("delete", "workflow", "long", "--wait=false")
    cluster.tiphys("terminate", "asleep")
    until(lambda: {name for name in names(cluster, "pods") if not name.startswith("succeeded-pods-bad-")} == {"failed-workflow"})
    assert len(names(cluster, "pods")) == 2
    until(lambda: not any(name.startswith("long") for name in names(cluster, "configmaps")))
    assert names(cluster, "workflows") == {"succeeded-pods", "good-workflow", "failed-workflow", "asleep"}

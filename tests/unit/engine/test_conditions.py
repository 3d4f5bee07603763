import pytest

from tiphys.testing.world import World

SPEC = "entrypoint: a\ntemplates: [{name: a, steps: [[{name: b, template: t}], [{name: c, template: w}]]}, {name: t, container: {image: i}}, {name: w, suspend: {}}]"


def running(world):
    return {one["type"]: one["status"] for one in world.stored["status"].get("conditions", ())}.get("PodRunning")


@pytest.mark.parametrize("restores", [False, True])
def test_the_workflow_says_whether_a_pod_runs(restores):
    world = World(SPEC, lambda _: {"seconds": 5}, restores=restores)
    assert running(world) is None
    seen = [running(world)]
    while world.step():
        if running(world) != seen[-1]:
            seen.append(running(world))
    assert seen == [None, "True", "False"]
    world.change_spec(shutdown="Terminate")
    assert [one["type"] for one in world.stored["status"]["conditions"]] == ["PodRunning", "Completed"]

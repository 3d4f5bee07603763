from datetime import UTC, datetime

import msgspec
import pytest
from tests.unit.engine.operations.test_retry import DAG, STEPS, failing, ordered

from tiphys.engine.operations.resubmit import resubmit, resubmit_memoized
from tiphys.errors import SpecError
from tiphys.model.base import OwnerReference
from tiphys.model.parse import parse_workflow
from tiphys.testing.world import World

NOW = datetime(2026, 1, 1, 1, 0, tzinfo=UTC)


def ended(spec, behave):
    return parse_workflow(World(spec, behave).play().stored)


def test_a_resubmission_is_a_new_workflow_that_remembers_where_it_comes_from():
    old = ended(STEPS, lambda _: {})
    meta = msgspec.structs.replace(
        old.metadata,
        namespace="argo",
        uid="u",
        labels={**old.metadata.labels, "workflows.argoproj.io/creator": "ann", "app": "x", "workflows.argoproj.io/cron-workflow": "c"},
        annotations={"note": "kept"},
        owner_references=(OwnerReference(name="c"),),
    )
    old = msgspec.structs.replace(old, metadata=meta, spec=msgspec.structs.replace(old.spec, shutdown="Stop"))
    new = resubmit(old, {"m": "1"})
    assert (new.metadata.name, new.metadata.generate_name, new.metadata.namespace, new.metadata.uid) == ("", "hello-", "argo", "")
    assert new.metadata.labels == {
        "app": "x",
        "workflows.argoproj.io/cron-workflow": "c",
        "workflows.argoproj.io/resubmitted-from-workflow": "hello",
    }
    assert (new.metadata.annotations, new.metadata.owner_references) == ({"note": "kept"}, (OwnerReference(name="c"),))
    assert (new.spec.shutdown, new.spec.templates) == ("", old.spec.templates)
    assert [(p.name, p.value) for p in new.spec.arguments.parameters] == [("m", "1")]
    assert new.status == type(new.status)()


@pytest.mark.parametrize(("spec", "fails"), [(STEPS, ".b"), (DAG, ".two"), (DAG, "(1:")])
def test_a_memoized_resubmission_runs_only_what_failed_and_what_follows(spec, fails):
    first = World(spec, failing(fails)).play()
    good = {name for name, phase in first.phases().items() if phase == "Succeeded"}
    new = resubmit_memoized(parse_workflow(first.stored), NOW, suffix="ab1cd")
    assert new.metadata.name == "hello-ab1cd"
    assert new.status.phase == ""
    second = World(new).play()
    assert second.phase == "Succeeded"
    assert not {name.replace("hello-ab1cd", "hello") for name in ordered(second)} & {
        name for name in good if not name.endswith("onExit")
    }
    assert all(node.template_scope == "local/hello-ab1cd" for node in new.status.nodes.values())
    assert all(node.finished_at is not None for node in parse_workflow(second.stored).status.nodes.values())


def test_a_memoized_node_keeps_its_outputs_and_says_where_they_come_from():
    spec = STEPS.replace("{name: c, template: echo}", "{name: c, template: echo, arguments: {parameters: [{name: m, value: '{{steps.a.outputs.result}}'}]}}")
    old = ended(spec, lambda order: {"result": "seven"} if order.node_name.endswith(".a") else failing(".b")(order))
    new = resubmit_memoized(old, NOW, suffix="ab1cd")
    kept = next(node for node in new.status.nodes.values() if node.display_name == "a")
    was = next(node for node in old.status.nodes.values() if node.display_name == "a")
    assert (kept.type, kept.phase, kept.message) == ("Skipped", "Skipped", f"original pod: {was.id}")
    second = World(new).play()
    assert [order.template.container["args"] for order in second.orders if order.node_name.endswith(".c")] == [["seven"]]


def test_only_a_failed_workflow_is_resubmitted_memoized():
    with pytest.raises(SpecError, match="workflow must be Failed/Error to resubmit in memoized mode"):
        resubmit_memoized(ended(STEPS, lambda _: {}), NOW, suffix="ab1cd")


def test_a_memoized_suspend_node_waits_again_and_can_be_resumed():
    spec = STEPS.replace("{name: b, template: echo}", "{name: b, template: wait}") + "- {name: wait, suspend: {duration: '5'}}"
    old = ended(spec, failing(".c"))
    second = World(resubmit_memoized(old, NOW, suffix="ab1cd")).play()
    assert second.phase == "Succeeded"
    assert second.phases()["hello-ab1cd[0].b"] == "Succeeded"

import msgspec
import pytest

from tiphys.engine.effective import effective_spec
from tiphys.engine.library import Library
from tiphys.engine.premises import Premises
from tiphys.engine.restrictions import ALLOWED, DENIED, check_reference
from tiphys.errors import SpecError
from tiphys.model.base import ObjectMeta
from tiphys.model.parse import parse_as
from tiphys.model.spec import WorkflowLevelArtifactGC, WorkflowSpec
from tiphys.model.workflow import Workflow

REF = {"workflowTemplateRef": {"name": "t"}}


def test_every_field_of_the_spec_was_thought_of():
    fields = {field.encode_name for field in msgspec.structs.fields(WorkflowSpec)} - {"artifactGC"}
    fields |= {f"artifactGC.{field.encode_name}" for field in msgspec.structs.fields(WorkflowLevelArtifactGC)}
    assert fields == ALLOWED | DENIED
    assert not ALLOWED & DENIED


SAMPLES = {
    "affinity": {"nodeAffinity": {}}, "artifactRepositoryRef": {"key": "k"}, "automountServiceAccountToken": False,
    "dnsConfig": {"searches": ["x"]}, "executor": {"serviceAccountName": "x"}, "executorPlugins": [{}],
    "hooks": {"exit": {"template": "x"}}, "hostAliases": [{"ip": "::1"}], "hostNetwork": False, "imagePullSecrets": [{"name": "x"}],
    "nodeSelector": {"a": "b"}, "parallelism": 1, "podDisruptionBudget": {"minAvailable": 1}, "podMetadata": {"labels": {"a": "b"}},
    "podResources": {"limits": {}}, "resourceClaims": [{}], "retryStrategy": {"limit": "1"}, "securityContext": {"runAsUser": 0},
    "synchronization": {"mutexes": [{"name": "x"}]}, "templateDefaults": {"timeout": "1s"}, "templates": [{"name": "x"}],
    "tolerations": [{}], "volumeClaimTemplates": [{}], "volumes": [{}],
    "artifactGC.podMetadata": {"labels": {"a": "b"}},
}  # fmt: skip


@pytest.mark.parametrize("mode", ["Strict", "Secure"])
@pytest.mark.parametrize("path", sorted(DENIED))
def test_a_field_that_grants_power_is_denied(path, mode):
    outer, _, inner = path.partition(".")
    sample = SAMPLES.get(path, "x")
    spec = parse_as(WorkflowSpec, {**REF, outer: {inner: sample} if inner else sample})
    with pytest.raises(SpecError, match=r"^fields \[" + path.replace(".", r"\.") + r"\] are not permitted when using"):
        check_reference(spec, mode)
    check_reference(spec, "")


def test_what_may_be_said_is_let_through():
    said = {
        **REF, "arguments": {"parameters": [{"name": "a", "value": "b"}]}, "entrypoint": "x", "suspend": True, "shutdown": "Stop",
        "priority": 1, "activeDeadlineSeconds": 5, "ttlStrategy": {"secondsAfterSuccess": 1}, "podGC": {"strategy": "OnPodSuccess"},
        "volumeClaimGC": {"strategy": "OnWorkflowCompletion"}, "archiveLogs": True, "workflowMetadata": {"labels": {"a": "b"}},
        "artifactGC": {"strategy": "Never", "forceFinalizerRemoval": True}, "metrics": {"prometheus": []},
    }  # fmt: skip
    check_reference(parse_as(WorkflowSpec, said), "Strict")


def test_the_administrator_may_allow_more():
    spec = parse_as(WorkflowSpec, {**REF, "nodeSelector": {"a": "b"}, "onExit": "x"})
    with pytest.raises(SpecError, match=r"fields \[onExit\]"):
        check_reference(spec, "Strict", ("nodeSelector",))


def test_a_workflow_without_reference_is_refused_in_reference_mode():
    with pytest.raises(SpecError, match=r"^workflows must use workflowTemplateRef to be executed when the controller is in reference mode$"):
        check_reference(WorkflowSpec(entrypoint="a"), "Strict")


TEMPLATE = {
    "entrypoint": "a", "serviceAccountName": "weak", "podSpecPatch": "{}", "securityContext": {"runAsNonRoot": True}, "volumes": [{"name": "v"}],
    "templates": [{"name": "a", "container": {"image": "i"}}], "artifactGC": {"strategy": "Never", "serviceAccountName": "gc"},
}  # fmt: skip
POWERLESS = {
    "activeDeadlineSeconds": 5, "archiveLogs": True, "arguments": {"parameters": [{"name": "p", "value": "{{=1+1}}"}]}, "entrypoint": "b",
    "metrics": {"prometheus": [{"name": "m", "help": "h", "counter": {"value": "1"}}]}, "podGC": {"strategy": "OnPodCompletion"},
    "priority": 9, "shutdown": "Stop", "suspend": True, "ttlStrategy": {"secondsAfterSuccess": 1},
    "volumeClaimGC": {"strategy": "OnWorkflowCompletion"}, "workflowMetadata": {"labels": {"a": "b"}},
    "artifactGC": {"strategy": "OnWorkflowDeletion", "forceFinalizerRemoval": True},
}  # fmt: skip


@pytest.mark.parametrize("field", sorted(POWERLESS))
def test_what_may_be_said_changes_nothing_that_grants_power(field):
    library = Library({"namespaced/t": parse_as(WorkflowSpec, TEMPLATE)})
    premises = Premises(library=library, referencing="Strict")

    def executed(**said):
        spec = parse_as(WorkflowSpec, {**REF, **said})
        return msgspec.to_builtins(effective_spec(Workflow(metadata=ObjectMeta(name="w"), spec=spec), premises))

    alone, said = executed(), executed(**{field: POWERLESS[field]})
    assert {key: value for key, value in said.items() if key != field} == {key: value for key, value in alone.items() if key != field}
    if field == "artifactGC":
        assert said[field]["serviceAccountName"] == "gc"


def test_every_field_that_may_be_said_is_among_these_samples():
    assert set(POWERLESS) == {path.partition(".")[0] for path in ALLOWED} - {"workflowTemplateRef"}

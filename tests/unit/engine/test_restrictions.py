import msgspec
import pytest

from tiphys.engine.restrictions import ALLOWED, DENIED, check_reference
from tiphys.errors import SpecError
from tiphys.model.parse import parse_as
from tiphys.model.spec import WorkflowLevelArtifactGC, WorkflowSpec

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

"""What a workflow may say beside a `workflowTemplateRef` when the administrator restricts it. Denied unless listed here.

The list is of field paths, not of top-level names, since an allowed field may hold one that grants power.

Source: argo-semantics 22.4; GHSA-3wf5-g532-rcrr, GHSA-3775-99mw-8rp4, GHSA-48p8-g2fx-3wwm.
"""

from collections.abc import Iterator

from tiphys.engine.patch import as_json
from tiphys.errors import SpecError
from tiphys.model.spec import WorkflowSpec

ALLOWED = frozenset(
    {
        "activeDeadlineSeconds",
        "archiveLogs",
        "arguments",
        "artifactGC.forceFinalizerRemoval",
        "artifactGC.strategy",
        "entrypoint",
        "metrics",
        "podGC",
        "priority",
        "shutdown",
        "suspend",
        "ttlStrategy",
        "volumeClaimGC",
        "workflowMetadata",
        "workflowTemplateRef",
    }
)
DENIED = frozenset(
    {
        "affinity",
        "artifactGC.podMetadata",
        "artifactGC.podSpecPatch",
        "artifactGC.serviceAccountName",
        "artifactRepositoryRef",
        "automountServiceAccountToken",
        "dnsConfig",
        "dnsPolicy",
        "executor",
        "executorPlugins",
        "hooks",
        "hostAliases",
        "hostNetwork",
        "imagePullSecrets",
        "nodeSelector",
        "onExit",
        "parallelism",
        "podDisruptionBudget",
        "podMetadata",
        "podPriorityClassName",
        "podResources",
        "podSpecPatch",
        "resourceClaims",
        "retryStrategy",
        "schedulerName",
        "securityContext",
        "serviceAccountName",
        "synchronization",
        "templateDefaults",
        "templates",
        "tolerations",
        "volumeClaimTemplates",
        "volumes",
    }
)
"""Only for the test that every field was thought of: what is in neither list is denied all the same."""


def check_reference(spec: WorkflowSpec, referencing: str, overrides: tuple[str, ...] = ()) -> None:
    """Return when a workflow's own spec may stand beside what the administrator's `referencing` demands.

    Raises:
        SpecError: It has no reference, or says what only the referenced template may.
    """
    if not referencing:
        return
    if spec.workflow_template_ref is None:
        raise SpecError("workflows must use workflowTemplateRef to be executed when the controller is in reference mode")
    denied = sorted(path for path in _said(spec) if path not in ALLOWED and path.partition(".")[0] not in overrides)
    if denied:
        raise SpecError(
            f"fields [{' '.join(denied)}] are not permitted when using workflowTemplateRef with templateReferencing restriction"
        )


def _said(spec: WorkflowSpec) -> Iterator[str]:
    """Paths of the fields that are set, one level deeper where the lists above look deeper."""
    for key, value in as_json(spec).items():
        if key == "artifactGC" and isinstance(value, dict):
            yield from (f"{key}.{below}" for below in value)
        else:
            yield key

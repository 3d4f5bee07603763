"""Pass: who the pod is: service account, token, security context, pull secrets.

Source: argo-semantics 4.6.
Differs from Argo: no token is mounted unless somebody names an account, says so, or the template is a resource template.
"""

from tiphys.model.base import Json
from tiphys.pods.draft import Draft, first


def account(draft: Draft) -> None:
    """Service account and security, the template's before the workflow's."""
    template, spec, target = draft.template, draft.workflow.spec, draft.spec
    name = first(template.service_account_name, spec.service_account_name)
    is_executor = template.resource is not None
    if is_executor:
        # the only container is the executor
        executors = (template.executor, spec.executor)
        name = first(*(one.service_account_name for one in executors if one is not None), name)
    target["serviceAccountName"] = name
    target["securityContext"] = first(template.security_context, spec.security_context)
    target["imagePullSecrets"] = list(spec.image_pull_secrets)
    said = template.automount_service_account_token
    said = spec.automount_service_account_token if said is None else said
    target["automountServiceAccountToken"] = is_executor or (bool(name) if said is None else said)


def restrict(draft: Draft) -> None:
    """Where the configuration asks for it: what the pod security standard `restricted` demands, unless a user said otherwise."""
    if draft.settings.security != "restricted":
        return
    context = draft.spec.get("securityContext") or {}
    draft.spec["securityContext"] = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}, **context}
    for container in draft.containers():
        container["securityContext"] = _restricted(container.get("securityContext") or {})


def _restricted(own: Json) -> Json:
    if own.get("privileged"):
        # whoever asks for this gets it, or is told by the cluster that he may not
        return own
    return {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, **own}

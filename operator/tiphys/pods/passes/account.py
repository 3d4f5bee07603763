"""Pass: who the pod is: service account, token, security context, pull secrets."""

from tiphys.pods.draft import Draft, first


def account(draft: Draft) -> None:
    """Service account and security."""
    template, spec, target = draft.template, draft.workflow.spec, draft.spec
    account = template.service_account_name or spec.service_account_name
    target["serviceAccountName"] = account
    target["securityContext"] = first(template.security_context, spec.security_context)
    target["imagePullSecrets"] = list(spec.image_pull_secrets)
    said = template.automount_service_account_token
    said = spec.automount_service_account_token if said is None else said
    target["automountServiceAccountToken"] = (bool(account) or template.resource is not None) if said is None else said

"""Pass: where and when the pod runs."""

from tiphys.model.base import Json
from tiphys.pods.draft import Draft, first


def schedule(draft: Draft) -> None:
    """Selectors, tolerations, affinity, priority, network."""
    template, spec, target = draft.template, draft.workflow.spec, draft.spec
    target["nodeSelector"] = first(template.node_selector, spec.node_selector)
    target["tolerations"] = list(first(template.tolerations, spec.tolerations) or ())
    target["schedulerName"] = first(template.scheduler_name, spec.scheduler_name)
    target["priorityClassName"] = first(template.priority_class_name, spec.pod_priority_class_name)
    affinity = first(template.affinity, spec.affinity) or {}
    target["affinity"] = _avoiding(affinity, draft.order.avoid_hosts, draft.settings.host_label)
    target["hostAliases"] = [*spec.host_aliases, *template.host_aliases]
    target["hostNetwork"], target["dnsPolicy"], target["dnsConfig"] = spec.host_network, spec.dns_policy, spec.dns_config
    target["resources"] = first(template.pod_resources, spec.pod_resources)
    target["resourceClaims"] = list(first(template.resource_claims, spec.resource_claims) or ())


def _avoiding(affinity: Json, hosts: tuple[str, ...], label: str) -> Json:
    """The affinity that also keeps off hosts where attempts failed. Source: argo-semantics 11.5."""
    if not hosts:
        return affinity
    avoid = {"key": label, "operator": "NotIn", "values": list(hosts)}
    node = affinity.get("nodeAffinity", {})
    required = node.get("requiredDuringSchedulingIgnoredDuringExecution", {})
    terms = required.get("nodeSelectorTerms") or [{}]
    kept = [{**term, "matchExpressions": [*term.get("matchExpressions", ()), avoid]} for term in terms]
    rule = {**node, "requiredDuringSchedulingIgnoredDuringExecution": {**required, "nodeSelectorTerms": kept}}
    return {**affinity, "nodeAffinity": rule}

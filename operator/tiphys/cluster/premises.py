"""The administrator's rules and defaults as clients find them, so that what the controller would refuse is refused at once.

Who may not read the controller's ConfigMaps is told by the controller; so is who gives what cannot be understood here.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from tiphys.engine.library import Library, scope_of
from tiphys.engine.policies import Verdict
from tiphys.engine.premises import Premises
from tiphys.engine.submission import judge_submission
from tiphys.errors import Forbidden, NotFound, SpecError, Unauthorized
from tiphys.model.parse import parse_as
from tiphys.model.workflow import Workflow, WorkflowTemplate
from tiphys.ports import Objects
from tiphys.settings import parse_configuration, parse_own_configuration

ARGO_CONFIG_MAP = "workflow-controller-configmap"
OWN_CONFIG_MAP = "tiphys"


async def find_premises(objects: Objects, namespaces: Iterable[str], config_map: str = ARGO_CONFIG_MAP) -> Premises:
    """Rules, defaults and restrictions of the first of the namespaces that has rules; empty ones where none has.

    Raises:
        OutsideError: The API server does not answer.
    """
    places = tuple(namespaces)
    found = await asyncio.gather(*(_entries(objects, place, OWN_CONFIG_MAP) for place in places))
    for place, entries in zip(places, found, strict=True):
        try:
            policies = parse_own_configuration(entries).policies
            if policies:
                argo = parse_configuration(await _entries(objects, place, config_map))
                referencing = argo.workflow_restrictions.template_referencing
                return Premises(policies=policies, defaults=argo.workflow_defaults, referencing=referencing)
        except SpecError:
            # the controller tells its administrator
            continue
    return Premises()


async def judge(objects: Objects, namespace: str, workflow: Workflow, premises: Premises) -> Verdict:
    """What the rules say of a workflow; the stored template that it references is looked up.

    Raises:
        OutsideError: The API server does not answer.
    """
    ref = workflow.spec.workflow_template_ref
    if premises.policies and ref is not None and ref.name:
        kind, place = ("ClusterWorkflowTemplate", "") if ref.cluster_scope else ("WorkflowTemplate", namespace)
        try:
            found = parse_as(WorkflowTemplate, msgspec.json.decode(await objects.read(kind, place, ref.name)))
        except (NotFound, Forbidden, SpecError):
            return Verdict()
        library = Library({scope_of(ref.name, cluster_scope=ref.cluster_scope): found.spec})
        premises = msgspec.structs.replace(premises, library=library)
    return judge_submission(workflow, premises)


async def _entries(objects: Objects, namespace: str, name: str) -> Mapping[str, Any]:
    try:
        found = msgspec.json.decode(await objects.read("ConfigMap", namespace, name))
    except (NotFound, Forbidden, Unauthorized):
        return {}
    return found.get("data") or {}

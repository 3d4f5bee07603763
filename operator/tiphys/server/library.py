"""The stored templates that a spec needs, directly and not: read with the rights of who asks, each once.

Source: argo-semantics 22.1.
"""

from tiphys.cluster.api import Api
from tiphys.engine.library import CLUSTER, Library
from tiphys.engine.references import static_references
from tiphys.errors import NotFound, SpecError
from tiphys.model.parse import parse_as
from tiphys.model.spec import WorkflowSpec
from tiphys.model.workflow import WorkflowTemplate
from tiphys.server.answers import NAME

_MOST = 200


async def library_for(api: Api, namespace: str, spec: WorkflowSpec) -> Library:
    """What a spec refers to; what is not there is not in it.

    Raises:
        SpecError: It refers to more than anybody would.
        Forbidden: The caller may not read one.
    """
    specs, faults = dict[str, WorkflowSpec](), dict[str, str]()
    waiting, seen = [*static_references(spec)], set[str]()
    while waiting:
        scope = waiting.pop()
        if scope in seen:
            continue
        seen.add(scope)
        if len(seen) > _MOST:
            raise SpecError(f"more than {_MOST} stored templates are referred to")
        try:
            found = await _read(api, namespace, scope)
        except SpecError as e:
            faults[scope] = str(e)
            continue
        if found is not None:
            specs[scope] = found
            waiting += static_references(found)
    return Library(specs, faults)


async def _read(api: Api, namespace: str, scope: str) -> WorkflowSpec | None:
    kind, _, name = scope.partition("/")
    if not NAME.fullmatch(name):
        return None
    is_cluster = f"{kind}/" == CLUSTER
    try:
        raw = await api.read(
            "ClusterWorkflowTemplate" if is_cluster else "WorkflowTemplate", "" if is_cluster else namespace, name
        )
    except NotFound:
        return None
    return parse_as(WorkflowTemplate, raw).spec

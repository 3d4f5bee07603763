"""What a new workflow goes through before it is stored: the rules of the engine, and those of the administrator.

Source: argo-semantics 23.1.
"""

from tiphys.engine.validate import check_workflow
from tiphys.model.base import Json
from tiphys.model.parse import parse_workflow
from tiphys.server.call import Call
from tiphys.server.rules import check_rules


async def check(call: Call, namespace: str, manifest: Json) -> None:
    """Let pass what can run, and may.

    Raises:
        SpecError: It cannot.
        Forbidden: It may not.
    """
    meta = manifest.get("metadata") or {}
    name = meta.get("name") or f"{meta.get('generateName', '')}x"
    workflow = parse_workflow({**manifest, "metadata": {**meta, "name": name}})
    check_workflow(workflow)
    await check_rules(call.gate.access, call.api, namespace, workflow)


def is_dry(call: Call) -> bool:
    """Whether nothing is to be stored."""
    body = call.body if isinstance(call.body, dict) else {}
    options = body.get("createOptions")
    asked = options.get("dryRun") if isinstance(options, dict) else None
    return bool(body.get("serverDryRun")) or "All" in (asked or ())

"""`submit`: a stored template or schedule becomes a workflow, with the options of who submits it.

Source: argo-semantics 14.3; rest-and-clients 1.4.
"""

import msgspec

from tiphys.cluster.stored import kind_named, manifest_of
from tiphys.engine.operations.parameters import parse_pairs, set_parameters
from tiphys.errors import SpecError
from tiphys.model.arguments import Artifact
from tiphys.model.base import Json
from tiphys.model.parse import nearest, parse_as, to_json
from tiphys.model.storage import at_key, repository_location
from tiphys.server.accepting import check
from tiphys.server.answers import checked_name
from tiphys.server.call import Call
from tiphys.server.labels import created_by
from tiphys.server.stores import repository_for

_KINDS = ("workflowtemplate", "clusterworkflowtemplate", "cronworkflow")


class Options(msgspec.Struct, frozen=True, rename="camel"):
    """What a submission may say.

    Attributes:
        entry_point: The template to start with.
        parameters: `name=value` each. `artifacts`: `name=key` each.
        labels: `name=value`, with commas; so are `annotations`.
        dry_run: Only say what would be stored. `server_dry_run`: have the cluster look at it, too.
    """

    name: str = ""
    generate_name: str = ""
    entry_point: str = ""
    parameters: tuple[str, ...] | None = None
    artifacts: tuple[str, ...] | None = None
    labels: str = ""
    annotations: str = ""
    service_account: str = ""
    dry_run: bool = False
    server_dry_run: bool = False
    owner_reference: Json | None = None
    priority: int | None = None
    pod_priority_class_name: str = ""
    instance_id: str = msgspec.field(default="", name="instanceID")


class Submission(msgspec.Struct, frozen=True, rename="camel"):
    """The body."""

    resource_kind: str = ""
    resource_name: str = ""
    submit_options: Options | None = None


async def submit(call: Call) -> Json:
    """Store a workflow made of a stored object.

    Raises:
        SpecError: The kind is none to submit from, or an option cannot be read.
        NotFound: There is no such object.
    """
    try:
        asked = msgspec.convert(call.body, Submission)
    except msgspec.ValidationError as e:
        raise SpecError(f"the body: {e}") from e
    kind = kind_named(asked.resource_kind)
    if kind is None:
        known = f"{nearest(asked.resource_kind, _KINDS)}; one of {', '.join(_KINDS)}"
        raise SpecError(f"resource kind {asked.resource_kind!r} is not supported for submitting{known}", path="resourceKind")
    options = asked.submit_options or Options()
    manifest = await manifest_of(call.api, call.namespace, kind, checked_name(asked.resource_name, kind))
    _apply(manifest, options)
    await _set_artifacts(call, manifest, parse_pairs(options.artifacts or ()))
    made = created_by(call.identity, manifest)
    await check(call, call.namespace, made)
    if options.dry_run:
        return made
    return await call.storage.create("Workflow", call.namespace, made, is_dry=options.server_dry_run)


def _apply(manifest: Json, options: Options) -> None:
    meta, spec = manifest["metadata"], manifest["spec"]
    if options.name:
        meta.pop("generateName", None)
        meta["name"] = options.name
    elif options.generate_name:
        meta["generateName"] = options.generate_name
    for key, text in (("labels", options.labels), ("annotations", options.annotations)):
        given = parse_pairs([part for part in text.split(",") if part])
        if given:
            meta[key] = {**(meta.get(key) or {}), **given}
    if options.owner_reference:
        meta["ownerReferences"] = [*(meta.get("ownerReferences") or ()), options.owner_reference]
    said = {
        "entrypoint": options.entry_point, "serviceAccountName": options.service_account, "priority": options.priority,
        "podPriorityClassName": options.pod_priority_class_name,
    }  # fmt: skip
    spec.update({key: value for key, value in said.items() if value not in ("", None)})
    set_parameters(manifest, parse_pairs(options.parameters or ()))
    if not spec.get("arguments"):
        spec.pop("arguments", None)


async def _set_artifacts(call: Call, manifest: Json, keys: dict[str, str]) -> None:
    """Put artifact arguments under the keys that are given."""
    if not keys:
        return
    arguments = manifest["spec"].setdefault("arguments", {})
    entries = {str(entry.get("name")): entry for entry in arguments.get("artifacts") or ()}
    default = (await call.kept.settled()).configuration.artifact_repository
    base = repository_location(await repository_for(call.api, call.namespace, manifest["spec"], default), "")
    for name, key in keys.items():
        own = parse_as(Artifact, entries.get(name) or {"name": name})
        entries[name] = to_json(at_key(own, base, key))
    arguments["artifacts"] = list(entries.values())


ROUTES = (("POST", "/api/v1/workflows/{namespace}/submit", submit),)

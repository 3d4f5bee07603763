"""Acts on a Kubernetes object and waits for what its conditions say: the program in the pod of a resource template.

Source: argo-semantics 18.2.
Differs from Argo: it is no kubectl; the `flags` that mean something are known to `flags.py`, others are refused by name.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import yaml

from tiphys.artifacts.machine import ENV_FOLDER
from tiphys.cluster.api import Api
from tiphys.cluster.connection import find_access
from tiphys.errors import OutsideError, SpecError, TiphysError
from tiphys.executor.flags import Flags, parse_flags
from tiphys.executor.target import Target, patch_body
from tiphys.expr.paths import jq_filter, json_path
from tiphys.expr.selector import parse_condition
from tiphys.model.base import Json
from tiphys.model.durations import parse_duration
from tiphys.model.parse import parse_as
from tiphys.model.record import frame
from tiphys.model.template import ResourceTemplate, Template

ENV_INTERVAL = "RESOURCE_STATE_CHECK_INTERVAL"
"""How long to wait before the object is looked at again, where the administrator says so."""
_POLL = timedelta(seconds=2)
_MESSAGE_BYTES = 4096


class Failed(TiphysError):  # noqa: N818 what the step did
    """The object shows that the step failed."""

    code = "resource-failed"


class Ended(TiphysError):  # noqa: N818 what happened
    """The pod was told to end before its conditions were decided."""

    code = "ended"


def run_resource() -> int:
    """Do what TIPHYS_TEMPLATE says; the exit code. Messages go to standard error, outputs to the termination message."""
    termination = Path(os.environ.get("TIPHYS_TERMINATION", "/dev/termination-log"))
    try:
        template = parse_as(Template, _template_text())
        record = asyncio.run(_act_unless_ended(template, deletes=os.environ.get("TIPHYS_DELETE_ON_STOP") == "true"))
    except Ended:
        print("told to end", file=sys.stderr)
        return 143
    except (TiphysError, KeyError) as e:
        message = e.message if isinstance(e, TiphysError) else f"{e} is not set"
        print(f"error: {message}", file=sys.stderr)
        termination.write_text(message[:4096])
        return 1
    leave_record(termination, record)
    return 0


def leave_record(termination: Path, record: Json) -> None:
    """Write the record as the shim does: as termination message, or at the end of the log where it is long."""
    content = json.dumps(record, separators=(",", ":")).encode()
    if len(content) <= _MESSAGE_BYTES:
        termination.write_bytes(content)
        return
    message, lines = frame(content)
    sys.stdout.flush()
    sys.stdout.buffer.write(lines)
    sys.stdout.buffer.flush()
    termination.write_bytes(message)


def _template_text() -> str:
    path = os.environ.get("TIPHYS_TEMPLATE_FILE")
    return Path(path).read_text() if path else os.environ["TIPHYS_TEMPLATE"]


async def _act_unless_ended(template: Template, *, deletes: bool) -> Json:
    """Act, until that is done or SIGTERM comes: the first process of a container is not ended by it otherwise."""
    acting = asyncio.create_task(act(template, deletes=deletes))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, acting.cancel)
    try:
        return await acting
    except asyncio.CancelledError:
        raise Ended("told to end") from None


async def act(template: Template, *, deletes: bool = False) -> Json:
    """Do what the template says; the record of it.

    Args:
        template: Of kind resource.
        deletes: Whether what was created goes again when this is cancelled while it waits for its conditions.

    Raises:
        TiphysError: It cannot be done, or the object shows that the step failed.
    """
    resource = template.resource
    if resource is None:
        raise SpecError("the template has no resource")
    flags = parse_flags(resource.flags)
    text = _manifest_text(resource)
    _check(template, resource, text)
    async with Api(find_access()) as api:
        acting = asyncio.ensure_future(_act_on(api, resource, text, flags))
        try:
            found = await _decided(resource, await asyncio.shield(acting))
        except asyncio.CancelledError:
            if deletes and resource.action in ("create", "apply"):
                await _delete(await acting)
            raise
    if resource.action == "delete":
        return {"v": 1, "exit": 0}
    return {"v": 1, "exit": 0, "parameters": read_outputs(template, found)}


async def _decided(resource: ResourceTemplate, done: list[tuple[Target, Json]]) -> Json:
    """What was acted on, as it is once the conditions are decided."""
    found = done[0][1] if len(done) == 1 else {"apiVersion": "v1", "kind": "List", "items": [one for _, one in done]}
    if not (resource.success_condition or resource.failure_condition):
        return found
    if len(done) != 1:
        raise SpecError("conditions need exactly one object", path="resource")
    return await wait(done[0][0], found, resource.success_condition, resource.failure_condition)


async def _delete(made: list[tuple[Target, Json]]) -> None:
    """Delete what was made, though it may be half done: the step was told to end."""
    for target, _ in made:
        await target.do("delete", None, "")
    print(f"deleted what was made: {len(made)} objects", file=sys.stderr)


def _manifest_text(resource: ResourceTemplate) -> str:
    if resource.manifest_from is None:
        return resource.manifest
    path = Path(os.environ["TIPHYS_MANIFEST"])
    try:
        return path.read_text()
    except OSError as e:
        raise SpecError(f"the manifest {path} cannot be read: {e.strerror}", path="resource.manifestFrom") from e


def _check(template: Template, resource: ResourceTemplate, text: str) -> None:
    if not text.strip() and not resource.flags:
        raise SpecError("Must provide at least one of flags or manifest.", path="resource")
    judges = resource.success_condition or resource.failure_condition or template.outputs.parameters
    if resource.action == "delete" and judges:
        raise SpecError("successCondition, failureCondition and outputs are not supported for delete action", path="resource")


async def _act_on(api: Api, resource: ResourceTemplate, text: str, flags: Flags) -> list[tuple[Target, Json]]:
    """Act on each object that the manifest or the flags name; each with what it is then."""
    action, strategy = resource.action, resource.merge_strategy
    if flags.words:
        body = patch_body(text, flags) if action == "patch" else None
        named = [await Target.named(api, kind, name, flags) for kind, name in flags.targets()]
        return [(target, await target.do(action, body, strategy)) for target in named]
    done = []
    for manifest in read_manifests(text):
        if resource.set_owner_reference:
            if ENV_FOLDER in os.environ:
                raise SpecError(
                    "a workflow of this machine can own nothing in a cluster: what it owned would be deleted there at once",
                    path="resource.setOwnerReference",
                )
            _own(manifest)
        target = await Target.of(api, manifest, flags)
        done.append((target, await target.do(action, manifest, strategy)))
    return done


def read_manifests(text: str) -> list[Json]:
    """The objects of a manifest, which may hold several documents.

    Raises:
        SpecError: One is none.
    """
    try:
        documents = [one for one in yaml.safe_load_all(text) if one is not None]
    except yaml.YAMLError as e:
        raise SpecError(f"must be a valid yaml: {e}", path="resource.manifest") from e
    if not documents or not all(isinstance(one, dict) and "kind" in one and "apiVersion" in one for one in documents):
        raise SpecError("must be an object with apiVersion and kind", path="resource.manifest")
    return documents


def _own(manifest: Json) -> None:
    owner = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "name": os.environ["TIPHYS_WORKFLOW"],
        "uid": os.environ["TIPHYS_WORKFLOW_UID"],
        "controller": True,
    }
    manifest.setdefault("metadata", {})["ownerReferences"] = [owner]


def read_outputs(template: Template, document: Json) -> dict[str, str]:
    """The output parameters, read from the object by jsonPath or jqFilter.

    Raises:
        ExpressionError: A path finds nothing and has no default.
    """
    made = {}
    for parameter in template.outputs.parameters:
        source = parameter.value_from
        if source is None:
            continue
        if not document:
            # an object that is not there, and need not be
            made[parameter.name] = source.default or ""
            continue
        try:
            if source.json_path:
                made[parameter.name] = json_path(document, source.json_path)
            elif source.jq_filter:
                made[parameter.name] = jq_filter(document, source.jq_filter)
        except TiphysError:
            if source.default is None:
                raise
            made[parameter.name] = source.default
    return made


def poll_interval(environ: Mapping[str, str]) -> timedelta:
    """How long to wait before the object is looked at again.

    Raises:
        SpecError: What the environment says is no duration, or none at all.
    """
    text = environ.get(ENV_INTERVAL, "")
    found = parse_duration(text) if text else _POLL
    if found <= timedelta():
        raise SpecError(f"{text!r} is no time to wait", path=ENV_INTERVAL)
    return found


async def wait(target: Target, found: Json, success: str, failure: str) -> Json:
    """The object once its conditions decide.

    Raises:
        Failed: A failure condition holds.
        NotFound: The object is gone.
    """
    interval = poll_interval(os.environ)
    succeeds = parse_condition(success) if success else None
    fails = parse_condition(failure) if failure else None
    while True:
        if fails is not None and (matching := fails.first_match(found)) is not None:
            raise Failed(f"failure condition '{matching.text}' evaluated true")
        if succeeds is not None and succeeds.matches(found):
            return found
        await asyncio.sleep(interval.total_seconds())
        try:
            found = await target.read()
        except OutsideError as e:
            print(f"again: {e.message}", file=sys.stderr)

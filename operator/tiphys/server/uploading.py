"""Files that are uploaded to become arguments of a workflow that is submitted next.

Source: rest-and-clients 1.1, rank 5.
"""

import asyncio
import os
import re
import uuid
from collections.abc import AsyncGenerator, Iterator
from typing import BinaryIO

import msgspec
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from tiphys.errors import NotFound, SpecError
from tiphys.model.arguments import Artifact
from tiphys.model.base import Json
from tiphys.model.parse import parse_as, to_json
from tiphys.model.places import key_of
from tiphys.model.storage import at_key, relocated, repository_location
from tiphys.model.workflow import WorkflowTemplate
from tiphys.server.answers import checked_name
from tiphys.server.call import Call
from tiphys.server.rights import require
from tiphys.server.stores import open_artifact, repository_for

_MOST_BYTES = 1024**3
_PART = 1024 * 1024


async def upload(call: Call) -> Json:
    """Store the file of the form's field `file` under a new key, in the repository of the template: its name and that key.

    Raises:
        Forbidden: Who may not start workflows uploads nothing for them.
        NotFound: The template has no such artifact.
        SpecError: There is no file, it is too large, or there is no repository.
    """
    await require(call.api, "create", "Workflow", call.namespace)
    name = checked_name(call.part("template"), "template")
    template = parse_as(WorkflowTemplate, await call.api.read("WorkflowTemplate", call.namespace, name))
    own = _artifact(template, call.part("artifact"))
    spec = to_json(template.spec)
    default = (await call.kept.settled()).configuration.artifact_repository
    base = repository_location(await repository_for(call.api, call.namespace, spec, default), "")
    try:
        form = await MultiPartParser(call.request.headers, _counted(call), max_files=1, max_fields=10).parse()
    except (MultiPartException, KeyError) as e:
        raise SpecError(f"the body is no form with a file: {e}") from e
    try:
        sent = form.get("file")
        if not isinstance(sent, UploadFile):
            raise SpecError("the form has no field 'file' with a file", path="file")
        key = f"uploads/{call.namespace}/{uuid.uuid4()}/{_safe(sent.filename or '')}"
        located = relocated(at_key(own, base, key), base)
        driver = await open_artifact(call.api, call.namespace, located)
        await asyncio.to_thread(driver.save, key_of(located), _parts(sent.file), sent.size or -1)
    finally:
        await form.close()
    return {"name": own.name, "key": key}


def _artifact(template: WorkflowTemplate, name: str) -> Artifact:
    """The argument of that name, or else an input of that name of one of the templates."""
    inputs = (one for part in template.spec.templates if part.inputs is not None for one in part.inputs.artifacts)
    for one in (*template.spec.arguments.artifacts, *inputs):
        if one.name == name:
            return msgspec.structs.replace(Artifact(name=name), s3=one.s3, gcs=one.gcs, azure=one.azure, oss=one.oss)
    raise NotFound(f"template {template.metadata.name} has no artifact {name!r}")


def most_bytes() -> int:
    """How long a file may be.

    Raises:
        SpecError: The environment says no number.
    """
    said = os.environ.get("ARGO_SERVER_MAX_ARTIFACT_UPLOAD_BYTES", "")
    if said and not said.isdecimal():
        raise SpecError(f"{said!r} is no number", path="ARGO_SERVER_MAX_ARTIFACT_UPLOAD_BYTES")
    return int(said or _MOST_BYTES)


async def _counted(call: Call) -> AsyncGenerator[bytes]:
    """The body, read no further than it may be long."""
    most, read = most_bytes(), 0
    async for chunk in call.request.stream():
        read += len(chunk)
        if read > most:
            raise SpecError(f"the file is longer than {most} bytes")
        yield chunk


def _parts(file: BinaryIO) -> Iterator[bytes]:
    while part := file.read(_PART):
        yield part


def _safe(name: str) -> str:
    """The last part of a file's name, as it may stand in a key."""
    last = re.sub(r"[^A-Za-z0-9._-]", "_", re.split(r"[/\\]", name)[-1])
    if last.strip(".") == "":
        raise SpecError("the file has no name", path="file")
    return last


ROUTES = (("POST", "/upload-artifacts/{namespace}/{template}/{artifact}", upload),)
RAW = frozenset({upload})

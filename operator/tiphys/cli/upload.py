"""`submit --artifact`: a workflow's artifact arguments by key, or by a file that is uploaded first."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

from tiphys.cluster.api import Api
from tiphys.errors import NotFound, SpecError, TiphysError
from tiphys.model.arguments import Artifact, ArtifactLocation
from tiphys.model.locations import ArtifactRepository
from tiphys.model.parse import parse_as, to_json
from tiphys.model.places import key_of
from tiphys.model.storage import at_key, has_location, relocated, repository_location
from tiphys.server.stores import open_artifact, repository_for
from tiphys.settings.read import parse_configuration
from tiphys.settings.repositories import RepositoryMap

_CONFIG_MAP, _NAMESPACES = "workflow-controller-configmap", ("argo", "tiphys")
_PART = 1024 * 1024


async def set_artifacts(api: Api, namespace: str, manifest: dict[str, Any], given: dict[str, str]) -> None:
    """Override or add artifact arguments: `KEY`, or `@FILE` for a file that is uploaded to the workflow's repository.

    Raises:
        NotFound: There is no such file.
        SpecError: There is no repository to upload to.
    """
    if not given:
        return
    arguments = manifest.setdefault("spec", {}).setdefault("arguments", {})
    entries = {str(entry.get("name")): entry for entry in arguments.get("artifacts") or ()}
    base = repository_location(await _repository(api, namespace, manifest["spec"]), "")
    for name, value in given.items():
        own = parse_as(Artifact, entries.get(name) or {"name": name})
        key = f"uploads/{uuid4().hex}/{Path(value[1:]).name}" if value.startswith("@") else value
        artifact = at_key(own, base, key)
        if value.startswith("@"):
            artifact = await _upload(api, namespace, artifact, base, Path(value[1:]))
        entries[name] = to_json(artifact)
    arguments["artifacts"] = list(entries.values())


async def _upload(api: Api, namespace: str, artifact: Artifact, base: ArtifactLocation | None, file: Path) -> Artifact:
    """Store the file; the artifact as the workflow is to have it. It is stored as it is, so it is not to be unpacked."""
    if not await asyncio.to_thread(file.is_file):
        raise NotFound(f"no file {file}")
    if not has_location(artifact) and base is None:
        raise SpecError(f"artifact '{artifact.name}' cannot be uploaded: the namespace has no artifact repository",
                        hint="name one in a ConfigMap artifact-repositories, or upload it yourself and give its key")  # fmt: skip
    located = relocated(artifact, base)
    driver = await open_artifact(api, namespace, located)
    size = (await asyncio.to_thread(file.stat)).st_size
    await asyncio.to_thread(driver.save, key_of(located), _parts(file), size)
    return artifact


def _parts(file: Path) -> Iterator[bytes]:
    with file.open("rb") as content:
        while part := content.read(_PART):
            yield part


async def _repository(api: Api, namespace: str, spec: dict[str, Any]) -> ArtifactRepository | None:
    default = None
    for place in dict.fromkeys((namespace, *_NAMESPACES)):
        with contextlib.suppress(TiphysError):
            found = parse_as(RepositoryMap, await api.read("ConfigMap", place, _CONFIG_MAP))
            default = parse_configuration(found.data).artifact_repository
            break
    return await repository_for(api, namespace, spec, default)

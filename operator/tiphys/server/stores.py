"""Stores of artifacts as users reach them: directly, with the credentials that who asks may read in the cluster."""

import asyncio
from collections.abc import AsyncIterator

from tiphys.cluster.api import Api
from tiphys.cluster.repositories import ConfigMapRepositories
from tiphys.cluster.secret_values import read_secrets
from tiphys.model.arguments import Artifact
from tiphys.model.base import Json
from tiphys.model.locations import ArtifactRepository, ArtifactRepositoryRef
from tiphys.model.parse import parse_as
from tiphys.model.places import secrets_of
from tiphys.ports import ArtifactDriver

_LONGEST_LINE = 1024 * 1024


async def open_artifact(api: Api, namespace: str, artifact: Artifact) -> ArtifactDriver:
    """The driver of an artifact's store, with credentials from the cluster's secrets.

    Raises:
        SpecError: A secret is missing, or the kind is not supported.
        Forbidden: The secrets may not be read.
    """
    # loaded when it is needed: the libraries of stores are large
    from tiphys.artifacts.drivers import open_driver
    from tiphys.artifacts.guard import guarded

    secrets = await read_secrets(api, namespace, secrets_of(artifact))
    with guarded():
        return await asyncio.to_thread(open_driver, artifact, secrets)


async def repository_for(api: Api, namespace: str, spec: Json, default: ArtifactRepository | None) -> ArtifactRepository | None:
    """The repository that a workflow would have; `default` is that of the controller's configuration.

    Raises:
        SpecError: The one that it names is not there.
    """
    said = spec.get("artifactRepositoryRef")
    ref = parse_as(ArtifactRepositoryRef, said) if said else None
    return (await ConfigMapRepositories(api, "", lambda: default).find(namespace, ref)).artifact_repository


async def stored_lines(driver: ArtifactDriver, key: str) -> AsyncIterator[bytes]:
    """The lines of a stored file with their ends; one that is too long to keep comes in pieces."""
    parts, left = await asyncio.to_thread(driver.stream, key), b""
    while (part := await asyncio.to_thread(next, parts, None)) is not None:
        *lines, left = (left + bytes(part)).split(b"\n")
        for line in lines:
            yield line + b"\n"
        if len(left) > _LONGEST_LINE:
            yield left
            left = b""
    if left:
        yield left

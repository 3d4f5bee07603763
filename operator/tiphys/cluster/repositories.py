"""Which artifact repository a workflow has: asked of ConfigMaps, once a workflow, and once for all that ask together.

Source: argo-semantics 20.3.
Differs from Argo: where the controller may not read ConfigMaps of a namespace, its own default counts, unless one was named.
"""

import asyncio
from collections.abc import Callable

from tiphys.errors import Forbidden, NotFound, SpecError
from tiphys.model.locations import ArtifactRepository, ArtifactRepositoryRef, ArtifactRepositoryRefStatus
from tiphys.model.parse import parse_as
from tiphys.ports import Objects
from tiphys.settings.repositories import CONFIG_MAP, RepositoryMap, default_key, repository_at, shown

_FRESH_SECONDS = 2.0


class ConfigMapRepositories:
    """Repositories as the ConfigMaps of a cluster name them."""

    def __init__(self, objects: Objects, namespace: str, default: Callable[[], ArtifactRepository | None]) -> None:
        """Where to look.

        Args:
            objects: The cluster's.
            namespace: The controller's own, where references are looked for in the second place; empty for none.
            default: The repository of the controller's configuration, as it is now.
        """
        self._objects = objects
        self._namespace = namespace
        self._default = default
        self._known: dict[tuple[str, str], tuple[float, asyncio.Task[RepositoryMap | None]]] = {}

    async def find(self, namespace: str, ref: ArtifactRepositoryRef | None) -> ArtifactRepositoryRefStatus:
        """The repository of a workflow, to be kept in its status.

        Raises:
            SpecError: The one that was named is not there, or what is there is none.
            OutsideError: The cluster does not answer now.
        """
        if ref is not None:
            return await self._named(namespace, ref)
        config_map = await self._read(namespace, CONFIG_MAP, may_be_forbidden=True)
        if config_map is not None and (key := default_key(config_map)):
            repository = repository_at(config_map, key)
            if repository is not None:
                return ArtifactRepositoryRefStatus(
                    config_map=CONFIG_MAP, key=key, namespace=namespace, artifact_repository=repository
                )
        return ArtifactRepositoryRefStatus(default=True, artifact_repository=self._default())

    async def _named(self, namespace: str, ref: ArtifactRepositoryRef) -> ArtifactRepositoryRefStatus:
        name = ref.config_map or CONFIG_MAP
        for place in dict.fromkeys((namespace, self._namespace)):
            try:
                config_map = await self._read(place, name) if place else None
            except Forbidden as e:
                raise SpecError(f'error getting config map for artifact repository ref "{shown(ref)}": {e.message}') from e
            if config_map is None:
                continue
            key = ref.key or default_key(config_map)
            repository = repository_at(config_map, key)
            if repository is not None:
                return ArtifactRepositoryRefStatus(config_map=name, key=key, namespace=place, artifact_repository=repository)
        raise SpecError(f'failed to find any artifact repository for artifact repository ref "{shown(ref)}"')

    async def _read(self, namespace: str, name: str, *, may_be_forbidden: bool = False) -> RepositoryMap | None:
        loop = asyncio.get_running_loop()
        at, task = self._known.get((namespace, name), (-_FRESH_SECONDS, None))
        if task is None or (task.done() and loop.time() - at > _FRESH_SECONDS):
            task = loop.create_task(self._ask(namespace, name))
            self._known[namespace, name] = (loop.time(), task)
        try:
            return await asyncio.shield(task)
        except Forbidden:
            if may_be_forbidden:
                return None
            raise
        except Exception:
            self._known.pop((namespace, name), None)
            raise

    async def _ask(self, namespace: str, name: str) -> RepositoryMap | None:
        try:
            return parse_as(RepositoryMap, await self._objects.read("ConfigMap", namespace, name))
        except NotFound:
            return None

"""The stored objects, read and written with the rights of who asks."""

from collections.abc import Mapping
from typing import Any

import msgspec

from tiphys.cluster.api import Api, path_of
from tiphys.errors import NotFound, SpecError
from tiphys.model.base import Json
from tiphys.model.parse import parse_as
from tiphys.model.workflow import CronWorkflow, Workflow, WorkflowTemplate
from tiphys.server.answers import checked_name

TYPES: dict[str, type[msgspec.Struct]] = {
    "Workflow": Workflow, "WorkflowTemplate": WorkflowTemplate, "ClusterWorkflowTemplate": WorkflowTemplate,
    "CronWorkflow": CronWorkflow,
}  # fmt: skip
_PAGE = "500"


class _NamedMeta(msgspec.Struct, frozen=True, rename="camel"):
    name: str = ""
    creation_timestamp: str = ""


class _Named(msgspec.Struct, frozen=True):
    metadata: _NamedMeta = _NamedMeta()


class Storage:
    """Objects of one caller; there is none without his connection."""

    def __init__(self, api: Api) -> None:
        self.api = api

    async def read(self, kind: str, namespace: str, name: str, query: Mapping[str, str] | None = None) -> Json:
        """One object; `@latest` is the newest workflow.

        Raises:
            NotFound: There is none.
        """
        if name == "@latest" and kind == "Workflow":
            name = await self._latest(namespace)
        path = path_of(kind, namespace, checked_name(name, kind))
        answer: Json = msgspec.json.decode(await self.api.call("GET", kind, path, query=query))
        return answer

    async def _latest(self, namespace: str) -> str:
        newest = ("", "")
        async for page in self.api.list("Workflow", namespace, metadata_only=True):
            for raw in page.items:
                meta = msgspec.json.decode(raw, type=_Named).metadata
                newest = max(newest, (meta.creation_timestamp, meta.name))
        if not newest[1]:
            raise NotFound(f"no workflows in namespace {namespace}")
        return newest[1]

    async def create(self, kind: str, namespace: str, manifest: Json, *, is_dry: bool = False) -> Json:
        """Create it; as the cluster has it then."""
        body = {**_checked(kind, manifest), "apiVersion": "argoproj.io/v1alpha1", "kind": kind}
        _same_namespace(body, namespace)
        query = {"dryRun": "All"} if is_dry else None
        made: Json = msgspec.json.decode(await self.api.call("POST", kind, path_of(kind, namespace), body=body, query=query))
        return made

    async def replace(self, kind: str, namespace: str, name: str, manifest: Json) -> Json:
        """Store it in place of the one of that name."""
        body = {**_checked(kind, manifest), "apiVersion": "argoproj.io/v1alpha1", "kind": kind}
        _same_namespace(body, namespace)
        path = path_of(kind, namespace, checked_name(name, kind))
        made: Json = msgspec.json.decode(await self.api.call("PUT", kind, path, body=body))
        return made

    async def delete(
        self, kind: str, namespace: str, name: str, *, options: Json | None = None, is_forced: bool = False
    ) -> None:  # fmt: skip
        """Delete it, as Kubernetes' options for that say; by force with its finalizers gone first.

        Raises:
            NotFound: There is none.
        """
        if name == "@latest" and kind == "Workflow":
            name = await self._latest(namespace)
        path = path_of(kind, namespace, checked_name(name, kind))
        if is_forced:
            await self.api.patch(kind, namespace, name, {"metadata": {"finalizers": None}})
        body = {"propagationPolicy": "Background", **(options or {}), "apiVersion": "v1", "kind": "DeleteOptions"}
        await self.api.call("DELETE", kind, path, body=body)

    async def all(self, kind: str, namespace: str, query: Mapping[str, str]) -> tuple[list[Json], str]:
        """All objects that a query selects, and the version to watch from."""
        asked = {"limit": _PAGE, **query}
        found: list[Json] = []
        version = ""
        while True:
            answer = msgspec.json.decode(await self.api.call("GET", kind, path_of(kind, namespace), query=asked))
            found += answer.get("items") or []
            meta: dict[str, Any] = answer.get("metadata") or {}
            version = str(meta.get("resourceVersion", ""))
            if not meta.get("continue"):
                return found, version
            asked["continue"] = meta["continue"]


def _checked(kind: str, manifest: object) -> Json:
    if not isinstance(manifest, dict) or not isinstance(manifest.get("metadata"), dict):
        raise SpecError(f"the body holds no {kind} with metadata")
    if kind in TYPES:
        parse_as(TYPES[kind], manifest)
    return manifest


def _same_namespace(manifest: Json, namespace: str) -> None:
    said = manifest["metadata"].get("namespace") or namespace
    if said != namespace and manifest["kind"] != "ClusterWorkflowTemplate":
        raise SpecError(f"the manifest says namespace {said!r}, the path {namespace!r}")

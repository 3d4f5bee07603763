"""The objects that a resource template acts upon, and the calls that do it.

Source: argo-semantics 18.2.
"""

import asyncio
import os
import sys
from typing import Any

import msgspec
import yaml

from tiphys.cluster.api import Api
from tiphys.errors import NotFound, OutsideError, SpecError
from tiphys.executor.flags import Flags
from tiphys.model.base import Json

_TRIES = 5
_PATCHES = {
    "": "application/strategic-merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
}


class Target:
    """One object, or all that a selector means."""

    def __init__(self, api: Api, kind: str, collection: str, name: str, flags: Flags) -> None:
        self._api = api
        self._kind = kind
        self._collection = collection
        self._name = name
        self._flags = flags

    @classmethod
    async def of(cls, api: Api, manifest: Json, flags: Flags) -> "Target":
        """The object that a manifest names."""
        path, is_namespaced = await api.learn(manifest["apiVersion"], manifest["kind"])
        meta = manifest.setdefault("metadata", {})
        return cls(api, manifest["kind"], _collection(api, path, is_namespaced, meta.get("namespace") or flags.namespace),
                   str(meta.get("name", "")), flags)  # fmt: skip

    @classmethod
    async def named(cls, api: Api, word: str, name: str, flags: Flags) -> "Target":
        """The object that flags name; `word` is a kind as kubectl takes it (`pod`, `po`, `deployments.apps`)."""
        kind, path, is_namespaced = await find_kind(api, word)
        return cls(api, kind, _collection(api, path, is_namespaced, flags.namespace), name, flags)

    async def do(self, action: str, body: Any, strategy: str) -> Json:
        """Act; the object as it is then."""
        for attempt in range(_TRIES):
            try:
                return await self._once(action, body, strategy)
            except OutsideError as e:
                if attempt == _TRIES - 1:
                    raise
                print(f"again: {e.message}", file=sys.stderr)
                await asyncio.sleep(2.0**attempt)
        raise NotFound("no more retries")

    async def _once(self, action: str, body: Any, strategy: str) -> Json:
        query = self._flags.query()
        match action:
            case "create":
                return self._created(await self._call("POST", self._collection, body, query=query))
            case "apply":
                query |= {"fieldManager": self._flags.field_manager or "tiphys", "force": "true"}
                return await self._call("PATCH", self._path, body, content="application/apply-patch+yaml", query=query)
            case "patch":
                return await self._call("PATCH", self._path, body, content=self._patch_type(strategy), query=query)
            case "replace":
                current = await self._call("GET", self._path)
                body["metadata"]["resourceVersion"] = current["metadata"]["resourceVersion"]
                return await self._call("PUT", self._path, body, query=query)
            case "get":
                return await self._get()
            case "delete":
                return await self._delete(query)
            case _:
                raise SpecError("must be one of: get, create, apply, delete, replace, patch", path="resource.action")

    def _patch_type(self, strategy: str) -> str:
        wanted = strategy or self._flags.patch_type
        if wanted not in _PATCHES:
            raise SpecError("must be one of: strategic, merge, json", path="resource.mergeStrategy")
        group = self._collection.removeprefix("/apis/").partition("/")[0] if self._collection.startswith("/apis/") else ""
        # the server merges custom kinds key by key only
        is_custom = "." in group and not group.endswith(".k8s.io")
        return _PATCHES["merge"] if is_custom and wanted in ("", "strategic") else _PATCHES[wanted]

    async def _get(self) -> Json:
        try:
            return await self._call("GET", self._path if self._name else self._collection, query=self._selection())
        except NotFound:
            if self._flags.ignore_not_found:
                return {}
            raise

    async def _delete(self, query: dict[str, str]) -> Json:
        options: Json = {"apiVersion": "v1", "kind": "DeleteOptions"}
        if self._flags.cascade:
            kinds = {"background": "Background", "foreground": "Foreground", "orphan": "Orphan"}
            if self._flags.cascade not in kinds:
                raise SpecError("--cascade must be background, foreground or orphan", path="resource.flags")
            options["propagationPolicy"] = kinds[self._flags.cascade]
        if self._flags.grace_period or self._flags.now or self._flags.force:
            options["gracePeriodSeconds"] = int(self._flags.grace_period or (1 if self._flags.now else 0))
        path = self._path if self._name else self._collection
        try:
            # --ignore-not-found is implied
            return await self._call("DELETE", path, options, query={**query, **self._selection()})
        except NotFound:
            return {}

    def _selection(self) -> dict[str, str]:
        return {"labelSelector": self._flags.selector} if not self._name and self._flags.selector else {}

    @property
    def _path(self) -> str:
        if not self._name:
            raise SpecError("metadata.name is required", path="resource.manifest")
        return f"{self._collection}/{self._name}"

    def _created(self, created: Json) -> Json:
        self._name = created["metadata"]["name"]
        print(f"{self._kind} {self._name} created")
        return created

    async def read(self) -> Json:
        """The object as it is now."""
        return await self._call("GET", self._path)

    async def _call(self, verb: str, path: str, body: Any = None, **more: Any) -> Json:
        more = {key: value for key, value in more.items() if value}
        answer: Json = msgspec.json.decode(await self._api.call(verb, self._kind, path, body=body, **more))
        return answer


def _collection(api: Api, path: str, is_namespaced: bool, written: str) -> str:
    """Path of all objects of a kind, in the namespace that is written, the workflow's, or the usual one of a kubeconfig."""
    namespace = written or os.environ.get("TIPHYS_NAMESPACE") or api.access.namespace
    group, _, plural = path.rpartition("/")
    return f"{group}/namespaces/{namespace}/{plural}" if is_namespaced else path


async def find_kind(api: Api, word: str) -> tuple[str, str, bool]:
    """Kind, path of all objects, and whether they live in namespaces, of a word for a kind; core kinds first.

    Raises:
        NotFound: The server knows no such kind.
    """
    wanted, _, group = word.lower().partition(".")
    places = [] if group else ["/api/v1"]
    groups = msgspec.json.decode(await api.call("GET", word, "/apis"))["groups"]
    places += [_path(one) for one in groups if not group or group in (one["name"], *_versions(one))]
    for place in places:
        for one in msgspec.json.decode(await api.call("GET", word, place)).get("resources", ()):
            names = {one["name"], one.get("singularName"), one["kind"].lower(), *one.get("shortNames", ())}
            if wanted in names and "/" not in one["name"]:
                return one["kind"], f"{place}/{one['name']}", bool(one["namespaced"])
    raise NotFound(f"the server knows no kind {word!r}")


def _path(group: Json) -> str:
    return f"/apis/{group['preferredVersion']['groupVersion']}"


def _versions(group: Json) -> list[str]:
    return [f"{one['version']}.{group['name']}" for one in group["versions"]]


def patch_body(text: str, flags: Flags) -> Any:
    """What a patch writes: the manifest's text, whatever JSON or YAML it is, else `--patch`.

    Raises:
        SpecError: Neither is there, or it cannot be read.
    """
    source = text or flags.patch
    try:
        found = yaml.safe_load(source)
    except yaml.YAMLError as e:
        raise SpecError(f"must be a valid yaml: {e}", path="resource.manifest") from e
    if not found:
        raise SpecError("a patch must say something", path="resource.manifest")
    return found

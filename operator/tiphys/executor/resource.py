"""Acts on a Kubernetes object and waits for what its conditions say: the program in the pod of a resource template.

Source: argo-semantics 18.2.
Differs from Argo: it is no kubectl, so `flags` are refused with a clear message instead of being handed on.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import msgspec
import yaml

from tiphys.cluster.api import Api
from tiphys.cluster.connection import find_access
from tiphys.errors import NotFound, OutsideError, SpecError, TiphysError
from tiphys.expr.paths import jq_filter, json_path
from tiphys.expr.selector import parse_condition
from tiphys.model.base import Json
from tiphys.model.parse import parse_as
from tiphys.model.template import Template

POLL_SECONDS = 2.0
_TRIES = 5
_PATCHES = {
    "": "application/strategic-merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
}


class Failed(TiphysError):  # noqa: N818 what the step did
    """The object shows that the step failed."""

    code = "resource-failed"


def run_resource() -> int:
    """Do what TIPHYS_TEMPLATE says; the exit code. Messages go to standard error, outputs to the termination message."""
    termination = Path(os.environ.get("TIPHYS_TERMINATION", "/dev/termination-log"))
    try:
        template = parse_as(Template, _template_text())
        record = asyncio.run(_act(template))
    except (TiphysError, KeyError) as e:
        message = e.message if isinstance(e, TiphysError) else f"{e} is not set"
        print(f"error: {message}", file=sys.stderr)
        termination.write_text(message[:4096])
        return 1
    termination.write_text(json.dumps(record))
    return 0


def _template_text() -> str:
    path = os.environ.get("TIPHYS_TEMPLATE_FILE")
    return Path(path).read_text() if path else os.environ["TIPHYS_TEMPLATE"]


async def _act(template: Template) -> Json:
    resource = template.resource
    if resource is None:
        raise SpecError("the template has no resource")
    if resource.flags:
        raise SpecError("flags are for kubectl, which is not used here", path="resource.flags")
    async with Api(find_access()) as api:
        manifest = read_manifest(resource.manifest)
        if resource.set_owner_reference:
            _own(manifest)
        target = await _Target.of(api, manifest)
        found = await target.do(resource.action, manifest, resource.merge_strategy)
        if resource.action == "delete":
            return {"v": 1, "exit": 0}
        if resource.success_condition or resource.failure_condition:
            found = await target.wait(found, resource.success_condition, resource.failure_condition)
    return {"v": 1, "exit": 0, "parameters": read_outputs(template, found)}


def read_manifest(text: str) -> Json:
    """The manifest's object.

    Raises:
        SpecError: It is none.
    """
    try:
        manifest = yaml.safe_load(text)
    except yaml.YAMLError as e:
        raise SpecError(f"must be a valid yaml: {e}", path="resource.manifest") from e
    if not isinstance(manifest, dict) or "kind" not in manifest or "apiVersion" not in manifest:
        raise SpecError("must be an object with apiVersion and kind", path="resource.manifest")
    return manifest


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


class _Target:
    """The object acted upon."""

    def __init__(self, api: Api, kind: str, collection: str, name: str) -> None:
        self._api = api
        self._kind = kind
        self._collection = collection
        self._name = name

    @classmethod
    async def of(cls, api: Api, manifest: Json) -> "_Target":
        """The object that a manifest names."""
        path, is_namespaced = await api.learn(manifest["apiVersion"], manifest["kind"])
        meta = manifest.setdefault("metadata", {})
        namespace = meta.get("namespace") or os.environ.get("TIPHYS_NAMESPACE", "default")
        group, _, plural = path.rpartition("/")
        collection = f"{group}/namespaces/{namespace}/{plural}" if is_namespaced else path
        return cls(api, manifest["kind"], collection, str(meta.get("name", "")))

    async def do(self, action: str, manifest: Json, strategy: str) -> Json:
        """Act; the object as it is then."""
        for attempt in range(_TRIES):
            try:
                return await self._once(action, manifest, strategy)
            except OutsideError as e:
                if attempt == _TRIES - 1:
                    raise
                print(f"again: {e.message}", file=sys.stderr)
                await asyncio.sleep(2.0**attempt)
        raise NotFound("no more retries")

    async def _once(self, action: str, manifest: Json, strategy: str) -> Json:
        match action:
            case "create":
                return self._named(await self._call("POST", self._collection, manifest))
            case "apply":
                query = {"fieldManager": "tiphys", "force": "true"}
                return await self._call("PATCH", self._path, manifest, content="application/apply-patch+yaml", query=query)
            case "patch":
                return await self._call("PATCH", self._path, manifest, content=self._patch_type(manifest, strategy))
            case "replace":
                current = await self._call("GET", self._path)
                manifest["metadata"]["resourceVersion"] = current["metadata"]["resourceVersion"]
                return await self._call("PUT", self._path, manifest)
            case "get":
                return await self._call("GET", self._path)
            case "delete":
                return await self._delete()
            case _:
                raise SpecError("must be one of: get, create, apply, delete, replace, patch", path="resource.action")

    @staticmethod
    def _patch_type(manifest: Json, strategy: str) -> str:
        if strategy not in _PATCHES:
            raise SpecError("must be one of: strategic, merge, json", path="resource.mergeStrategy")
        is_custom = "." in str(manifest["apiVersion"]).partition("/")[0]
        return _PATCHES["merge"] if is_custom and strategy in ("", "strategic") else _PATCHES[strategy]

    async def _delete(self) -> Json:
        try:
            return await self._call("DELETE", self._path)
        except NotFound:
            return {}

    @property
    def _path(self) -> str:
        if not self._name:
            raise SpecError("metadata.name is required", path="resource.manifest")
        return f"{self._collection}/{self._name}"

    def _named(self, created: Json) -> Json:
        self._name = created["metadata"]["name"]
        print(f"{self._kind} {self._name} created")
        return created

    async def _call(self, verb: str, path: str, body: Any = None, **more: Any) -> Json:
        answer: Json = msgspec.json.decode(await self._api.call(verb, self._kind, path, body=body, **more))
        return answer

    async def wait(self, found: Json, success: str, failure: str) -> Json:
        """The object once its conditions decide.

        Raises:
            Failed: A failure condition holds.
            NotFound: The object is gone.
        """
        succeeds = parse_condition(success) if success else None
        fails = parse_condition(failure) if failure else None
        while True:
            if fails is not None and (matching := fails.first_match(found)) is not None:
                raise Failed(f"failure condition '{matching.text}' evaluated true")
            if succeeds is not None and succeeds.matches(found):
                return found
            await asyncio.sleep(POLL_SECONDS)
            try:
                found = await self._call("GET", self._path)
            except OutsideError as e:
                print(f"again: {e.message}", file=sys.stderr)

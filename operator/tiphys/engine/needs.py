"""What a workflow needs to be there: images, secrets, config maps, claims, accounts, rights. As far as it is written.

Source: argo-semantics 4, 18.2.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import yaml

from tiphys.engine.forecast import Call
from tiphys.model.base import Json
from tiphys.model.spec import WorkflowSpec

_VERBS = {"apply": ("create", "get", "patch"), "replace": ("get", "update")}


class Right(msgspec.Struct, frozen=True, order=True):
    """What an account must be allowed to do with objects of a kind.

    Attributes:
        kind: Empty, as `api_version`, where only a run can tell.
    """

    account: str
    verbs: tuple[str, ...]
    kind: str
    api_version: str

    def __str__(self) -> str:
        return f"{self.account}: {', '.join(self.verbs)} {self.kind or 'what its manifest says'}"


class Needs(msgspec.Struct, frozen=True):
    """Names, sorted.

    Attributes:
        rights: What resource templates need.
    """

    images: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    config_maps: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    rights: tuple[Right, ...] = ()


def needs_of(spec: WorkflowSpec, calls: Iterable[Call]) -> Needs:
    """What the calls that may run need, and the spec around them."""
    found: dict[str, set[str]] = {field: set() for field in Needs.__struct_fields__ if field != "rights"}
    rights: set[Right] = set()
    found["secrets"] |= {str(one.get("name")) for one in spec.image_pull_secrets if one.get("name")}
    around = {str(volume["name"]): volume for volume in spec.volumes if "name" in volume}
    for call in calls:
        for leaf in call.leaves():
            if leaf.verdict is False or leaf.count == 0:
                continue
            templates = msgspec.to_builtins([leaf.template, *leaf.others])
            used = {str(mount.get("name")) for mounts in _values(templates, "volumeMounts") for mount in mounts}
            _collect([*templates, *(volume for name, volume in around.items() if name in used)], found)
            account = leaf.template.service_account_name or spec.service_account_name or "default"
            if leaf.template.resource is not None:
                found["accounts"].add(account)
                resource = leaf.template.resource
                verbs = _VERBS.get(resource.action, (resource.action,))
                rights.add(Right(account, verbs, *_kind(resource.manifest)))
            elif account != "default":
                found["accounts"].add(account)
    named = {field: tuple(sorted(one for one in names if one)) for field, names in found.items()}
    return Needs(rights=tuple(sorted(rights)), **named)


def _collect(part: Any, found: dict[str, set[str]]) -> None:
    """Look for references in what pods own, and for our own selectors of secrets."""
    stack = [part]
    while stack:
        one = stack.pop()
        if isinstance(one, list | tuple):
            stack.extend(one)
        elif isinstance(one, dict):
            for key, value in one.items():
                _reference(key, value, found)
                stack.append(value)


def _reference(key: str, value: Any, found: dict[str, set[str]]) -> None:
    if key == "image" and isinstance(value, str):
        found["images"].add(value)
    if not isinstance(value, dict):
        return
    name = str(value.get("name") or value.get("secretName") or value.get("claimName") or "")
    if key in ("secretKeyRef", "secretRef", "secret") or key.endswith("Secret"):
        found["secrets"].add(name)
    elif key in ("configMapKeyRef", "configMapRef", "configMap"):
        found["config_maps"].add(name)
    elif key == "persistentVolumeClaim":
        found["claims"].add(name)


def _values(part: Any, wanted: str) -> Iterator[list[Json]]:
    stack = [part]
    while stack:
        one = stack.pop()
        if isinstance(one, list | tuple):
            stack.extend(one)
        elif isinstance(one, dict):
            if isinstance(one.get(wanted), list | tuple):
                yield list(one[wanted])
            stack.extend(one.values())


def _kind(manifest: str) -> tuple[str, str]:
    """Kind and apiVersion of a manifest; empty where a tag hides them."""
    try:
        found = yaml.safe_load(manifest) or {}
        return str(found.get("kind") or ""), str(found.get("apiVersion") or "")
    except (yaml.YAMLError, AttributeError):
        return "", ""

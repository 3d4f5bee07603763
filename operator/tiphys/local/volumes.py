"""Volumes and environments of pods on this machine: made of its folders and of the objects that it holds."""

import base64
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from tiphys.errors import SpecError
from tiphys.local.container import expanded, field_of
from tiphys.local.objects import Place, Refusal, Store
from tiphys.model.base import UNREADABLE, Json


class Volumes:
    """The volumes of one pod.

    Args:
        folder: The pod's scratch folder.
        shared: Folder of what outlives pods: claims.
    """

    def __init__(self, store: Store, pod: Json, folder: Path, shared: Path) -> None:
        self._store = store
        self._pod = pod
        self._folder = folder
        self._shared = shared
        self._volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes", ())}
        self._made: dict[str, Path] = {}

    def path(self, name: str) -> Path:
        """Where a volume is, made when it is first asked for.

        Raises:
            SpecError: There is no such volume, or not on this machine.
        """
        if name not in self._made:
            if name not in self._volumes:
                raise SpecError(f"there is no volume {name!r}", path="volumeMounts")
            self._made[name] = self._make(name, self._volumes[name])
        return self._made[name]

    def _make(self, name: str, volume: Json) -> Path:
        folder = self._folder / "volumes" / name
        match [key for key in volume if key != "name"]:
            case ["emptyDir"] | []:
                folder.mkdir(parents=True)
                folder.chmod(0o777)
            case ["configMap"]:
                self._write(folder, self._entries("ConfigMap", volume["configMap"], "name"), volume["configMap"])
            case ["secret"]:
                self._write(folder, self._entries("Secret", volume["secret"], "secretName"), volume["secret"])
            case ["downwardAPI"]:
                self._downward(folder, volume["downwardAPI"])
            case ["projected"]:
                for source in volume["projected"].get("sources", ()):
                    self._project(folder, source)
            case ["hostPath"]:
                return Path(volume["hostPath"]["path"])
            case ["persistentVolumeClaim"]:
                folder = self._shared / "claims" / volume["persistentVolumeClaim"]["claimName"]
                folder.mkdir(parents=True, exist_ok=True)
            case [kind, *_]:
                raise SpecError(f"volumes of kind {kind} are not there on this machine", path=f"volumes.{name}")
        return folder

    def _project(self, folder: Path, source: Json) -> None:
        if "configMap" in source:
            self._write(folder, self._entries("ConfigMap", source["configMap"], "name"), source["configMap"])
        elif "secret" in source:
            self._write(folder, self._entries("Secret", source["secret"], "name"), source["secret"])
        elif "downwardAPI" in source:
            self._downward(folder, source["downwardAPI"])
        else:
            raise SpecError(f"projected volumes of {', '.join(source)} are not there on this machine", path="volumes")

    def _downward(self, folder: Path, said: Json) -> None:
        for item in said.get("items", ()):
            content = field_of(self._pod, item.get("fieldRef", {}).get("fieldPath", "")).encode()
            _file(folder / item["path"], content, item.get("mode", said.get("defaultMode", 0o644)))

    def _write(self, folder: Path, entries: Mapping[str, bytes], said: Json) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        mode = said.get("defaultMode", 0o644)
        items = said.get("items") or [{"key": key, "path": key} for key in entries]
        for item in items:
            if item["key"] in entries:
                _file(folder / item["path"], entries[item["key"]], item.get("mode", mode))
            elif not said.get("optional"):
                name = said.get("name") or said.get("secretName")
                raise SpecError(f"there is no key {item['key']!r} in {name!r}", path="volumes")

    def _entries(self, kind: str, said: Json, name_field: str) -> dict[str, bytes]:
        return entries_of(self._store, self._pod["metadata"]["namespace"], kind, said.get(name_field, ""), said.get("optional"))

    def close(self) -> None:
        """Remove what was made for this pod alone."""
        if self._made:
            shutil.rmtree(self._folder / "volumes", ignore_errors=True)


def _file(path: Path, content: bytes, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)


def entries_of(store: Store, namespace: str, kind: str, name: str, is_optional: object = None) -> dict[str, bytes]:
    """Key -> content of a ConfigMap or Secret.

    Raises:
        SpecError: It is not there, and must be.
    """
    plural = {"ConfigMap": "configmaps", "Secret": "secrets"}[kind]
    try:
        one = store.read(Place("api/v1", plural, namespace, name))
    except Refusal:
        if is_optional:
            return {}
        hint = f"give a file with the {kind} by --with FOLDER"
        raise SpecError(f"there is no {kind} {name!r} on this machine", hint=hint) from None
    plain, encoded = ("stringData", "data") if kind == "Secret" else ("data", "binaryData")
    decoded = {key: _decoded(text, f"{encoded}.{key}") for key, text in (one.get(encoded) or {}).items()}
    return decoded | {key: str(text).encode() for key, text in (one.get(plain) or {}).items()}


def _decoded(text: object, path: str) -> bytes:
    try:
        return base64.b64decode(str(text))
    except ValueError as e:
        raise SpecError(f"is not base64: {e}", path=path) from None


def logins_of(store: Store, pod: Json) -> dict[str, Json]:
    """Logins to registries that a pod's Secrets hold; as in a cluster, one that is not there is done without."""
    found: dict[str, Json] = {}
    for reference in pod["spec"].get("imagePullSecrets") or ():
        kept = entries_of(store, pod["metadata"]["namespace"], "Secret", str(reference.get("name", "")), is_optional=True)
        try:
            found |= msgspec.json.decode(kept.get(".dockerconfigjson", b"{}"), type=_Logins).auths
        except UNREADABLE:
            continue
    return found


class _Logins(msgspec.Struct):
    auths: dict[str, Json] = {}


def environment_of(store: Store, pod: Json, container: Json) -> dict[str, str]:
    """The environment that a container's spec says.

    Raises:
        SpecError: It refers to what is not there.
    """
    namespace = pod["metadata"]["namespace"]
    made: dict[str, str] = {}
    for source in container.get("envFrom", ()):
        is_map = "configMapRef" in source
        kind, said = ("ConfigMap" if is_map else "Secret"), source["configMapRef" if is_map else "secretRef"]
        found = entries_of(store, namespace, kind, said.get("name", ""), said.get("optional"))
        made |= {source.get("prefix", "") + key: os.fsdecode(content) for key, content in found.items()}
    for entry in container.get("env", ()):
        value = _value(store, pod, entry)
        if value is not None:
            made[entry["name"]] = expanded(value, made) if "valueFrom" not in entry else value
    return made


def _value(store: Store, pod: Json, entry: Json) -> str | None:
    source: Any = entry.get("valueFrom")
    if not source:
        return str(entry.get("value", ""))
    if "fieldRef" in source:
        return field_of(pod, source["fieldRef"]["fieldPath"])
    for kind, field in (("ConfigMap", "configMapKeyRef"), ("Secret", "secretKeyRef")):
        if field in source:
            said = source[field]
            found = entries_of(store, pod["metadata"]["namespace"], kind, said.get("name", ""), said.get("optional"))
            if said["key"] not in found and not said.get("optional"):
                raise SpecError(f"there is no key {said['key']!r} in {kind} {said.get('name')!r}", path=f"env.{entry['name']}")
            return os.fsdecode(found[said["key"]]) if said["key"] in found else None
    raise SpecError(f"{', '.join(source)} is not there on this machine", path=f"env.{entry['name']}")

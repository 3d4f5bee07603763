"""`executor-plugin build`: a plugin's description and its program become the ConfigMap that a controller knows it by.

Source: argo-semantics 17.3, features 25.
"""

from pathlib import Path
from typing import Any

import yaml

from tiphys.cli.documents import read_documents
from tiphys.errors import NotFound, SpecError
from tiphys.pods.agent import PLUGIN_SUFFIX, plugin_of_config_map

_KIND = "ExecutorPlugin"
_MARK = "# made by `tiphys executor-plugin build` from plugin.yaml and server.*: change those\n"
_TOKENS = ("automountServiceAccountToken", "automountWorkflowServiceAccountToken")


class _Dumper(yaml.SafeDumper):
    """Programs stay readable: texts of several lines are blocks."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def build(folder: str, /) -> int:
    """Write `<name>-executor-plugin-configmap.yaml` into the folder of a plugin.

    Args:
        folder: With `plugin.yaml`, and perhaps one file `server.*`, the program that the plugin's command runs.
    """
    place = Path(folder)
    made = _config_map(_description(place), _program(place))
    # what the controller could not use is told now
    _ = plugin_of_config_map(made["metadata"]["name"], made["data"]).server
    target = place / f"{made['metadata']['name']}-configmap.yaml"
    target.write_text(_MARK + yaml.dump(made, Dumper=_Dumper, sort_keys=False))
    print(f"{target} created")
    return 0


def _description(place: Path) -> dict[str, Any]:
    file = place / "plugin.yaml"
    if not file.is_file():
        raise NotFound(f"no file {file}")
    found = [document for document in read_documents((str(file),)) if document.kind == _KIND]
    if len(found) != 1 or not found[0].name:
        raise SpecError(f"{file} must describe one {_KIND} with a name")
    return found[0].value


def _program(place: Path) -> str | None:
    files = sorted(place.glob("server.*"))
    if len(files) > 1:
        raise SpecError(f"{place} has more than one file server.*: {', '.join(file.name for file in files)}")
    return files[0].read_text() if files else None


def _config_map(described: dict[str, Any], program: str | None) -> dict[str, Any]:
    sidecar = (described.get("spec") or {}).get("sidecar") or {}
    container = sidecar.get("container")
    if not isinstance(container, dict):
        raise SpecError("a container is required", path="spec.sidecar.container")
    whole = {**container, "args": [program]} if program is not None else container
    meta = described["metadata"]
    kept = {
        "name": f"{meta['name']}{PLUGIN_SUFFIX}",
        "namespace": meta.get("namespace"),
        "labels": {**(meta.get("labels") or {}), "workflows.argoproj.io/configmap-type": _KIND},
        "annotations": meta.get("annotations"),
    }
    tokens = {f"sidecar.{key}": str(bool(sidecar.get(key))).lower() for key in _TOKENS}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {key: value for key, value in kept.items() if value},
        "data": {**tokens, "sidecar.container": yaml.dump(whole, Dumper=_Dumper, sort_keys=False)},
    }

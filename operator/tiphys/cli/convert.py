"""`convert`: manifests of Argo before 4.0 written as they are today: `schedule`, `mutex` and `semaphore` became lists.

Source: features 25, 28.
"""

import json
from typing import Annotated, Any, Literal

import yaml
from cyclopts import Parameter

from tiphys.cli.documents import Manifest, read_documents
from tiphys.errors import SpecError

_LISTS = {"mutex": "mutexes", "semaphore": "semaphores"}


def convert(
    *files: str,
    output: Annotated[Literal["yaml", "json"], Parameter(name=["--output", "-o"])] = "yaml",
    no_color: bool = False,  # noqa: ARG001 scripts for Argo's say it
) -> int:
    """Print manifests with removed fields rewritten.

    Args:
        files: Files, folders, URLs, or `-` for standard input.
        output: yaml or json.
        no_color: Nothing is colored.
    """
    found = [rewritten(document.value) for document in read_documents(files)]
    if not found:
        raise SpecError("no manifests found in given files")
    if output == "json":
        print("\n".join(json.dumps(one, indent=2, ensure_ascii=False) for one in found))
    else:
        print("---\n".join(yaml.safe_dump(one, sort_keys=False, allow_unicode=True) for one in found), end="")
    return 0


def rewritten(manifest: Manifest) -> Manifest:
    """A manifest without removed fields; what it says already in today's form stays."""
    spec = manifest.get("spec")
    if not isinstance(spec, dict) or not str(manifest.get("apiVersion", "")).startswith("argoproj.io/"):
        return manifest
    if manifest.get("kind") == "CronWorkflow":
        spec = _listed(spec, "schedule", "schedules")
    return {**manifest, "spec": _rewritten(spec)}


def _rewritten(value: Any) -> Any:
    if isinstance(value, list):
        return [_rewritten(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {key: _locks(one) if key == "synchronization" else _rewritten(one) for key, one in value.items()}


def _locks(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    for old, new in _LISTS.items():
        value = _listed(value, old, new)
    return value


def _listed(value: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    """The field `old` as the first of the list `new`, at its place."""
    if not value.get(old):
        return {key: one for key, one in value.items() if key != old}
    more = [one for one in value.get(new) or () if one != value[old]]
    left = {key: one for key, one in value.items() if key != new}
    return {new if key == old else key: [one, *more] if key == old else one for key, one in left.items()}

"""What a command line adds to a manifest before it is submitted.

Source: argo-semantics 14.3, features 25.
"""

from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import yaml

from tiphys.cli.documents import Manifest
from tiphys.engine.operations.parameters import parse_pairs, set_parameters
from tiphys.errors import NotFound, SpecError
from tiphys.model.names import ANNOTATION_SCHEDULED_TIME, LABEL_INSTANCE_ID


class Filling(msgspec.Struct, frozen=True, kw_only=True):
    """Additions; empty ones leave what the manifest says.

    Attributes:
        parameters: Name -> value.
        spec: Fields of the spec.
        labels: Added to those that are there.
        scheduled_time: When it was due, RFC 3339.
        instance_id: Of the controller that shall follow it.
    """

    parameters: dict[str, str] = {}
    spec: dict[str, Any] = {}
    name: str = ""
    generate_name: str = ""
    labels: dict[str, str] = {}
    scheduled_time: str = ""
    instance_id: str = ""

    def fill(self, manifest: Manifest) -> None:
        """Put them into a manifest."""
        set_parameters(manifest, self.parameters)
        manifest["spec"] |= {key: value for key, value in self.spec.items() if value not in ("", None)}
        meta = manifest.setdefault("metadata", {})
        meta |= {"name": self.name} if self.name else {"generateName": self.generate_name} if self.generate_name else {}
        labels = {**self.labels, **({LABEL_INSTANCE_ID: self.instance_id} if self.instance_id else {})}
        meta["labels"] = {**(meta.get("labels") or {}), **labels}
        if self.scheduled_time:
            meta["annotations"] = {**(meta.get("annotations") or {}), ANNOTATION_SCHEDULED_TIME: _time(self.scheduled_time)}


def _time(text: str) -> str:
    try:
        datetime.fromisoformat(text)
    except ValueError as e:
        raise SpecError(f"{text!r} is no time", path="--scheduled-time", hint="write it as 2026-01-31T12:00:00Z") from e
    return text


def parameters_of(pairs: list[str] | None, file: str) -> dict[str, str]:
    """Parameters from `NAME=VALUE` and a file of YAML or JSON; the first win.

    Raises:
        SpecError: A pair has no `=`, or the file is no map.
        NotFound: There is no such file.
    """
    given: Any = {}
    if file:
        if not Path(file).is_file():
            raise NotFound(f"no file {file}")
        try:
            given = yaml.safe_load(Path(file).read_text()) or {}
        except yaml.YAMLError as e:
            raise SpecError(f"{file}: not valid YAML: {str(e).splitlines()[0]}") from e
        if not isinstance(given, dict):
            raise SpecError(f"{file} is no map of parameters")
    texts = {str(key): value if isinstance(value, str) else str(value) for key, value in given.items()}
    return texts | parse_pairs(pairs or [])

"""Names: present, unique, of the right letters.

Source: argo-semantics 23.2.
"""

import re
from collections.abc import Iterable

from tiphys.errors import SpecError

MAX_OBJECT_NAME = 63
MAX_CRON_NAME = 52
_STEP = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9]*")
_PARAMETER = re.compile(r"[-a-zA-Z0-9_]+")
_MAX_STEP_NAME = 128


def check_object_name(name: str, kind: str, faults: list[SpecError]) -> None:
    """A workflow's or template's own name is not too long for a label."""
    longest = MAX_CRON_NAME if kind == "cron workflow" else MAX_OBJECT_NAME
    if len(name) > longest:
        message = f'{kind} name "{name}" must not be more than {longest} characters long (currently {len(name)})'
        faults.append(SpecError(message))


def check_step_names(names: Iterable[str], path: str, faults: list[SpecError]) -> None:
    """Names of templates, steps or tasks."""
    for i, name in _unique(names, path, faults):
        if "{{" in name:
            continue
        if not _STEP.fullmatch(name):
            why = "name must consist of alpha-numeric characters or '-', and must start with an alpha-numeric character"
            faults.append(SpecError(f"name: '{name}' is invalid: {why} (e.g. My-name1-2, 123-NAME)", path=f"{path}[{i}]"))
        elif len(name) > _MAX_STEP_NAME:
            why = f"must be no more than {_MAX_STEP_NAME} characters"
            faults.append(SpecError(f"name: '{name}' is invalid: {why}", path=f"{path}[{i}]"))


def check_parameter_names(names: Iterable[str], path: str, faults: list[SpecError]) -> None:
    """Names of parameters or artifacts."""
    for i, name in _unique(names, path, faults):
        if "{{" not in name and not _PARAMETER.fullmatch(name):
            why = "Parameter/Artifact name must consist of alpha-numeric characters, '_' or '-' e.g. my_param_1, MY-PARAM-1"
            faults.append(SpecError(f"name: '{name}' is invalid: {why}", path=f"{path}[{i}]"))


def _unique(names: Iterable[str], path: str, faults: list[SpecError]) -> Iterable[tuple[int, str]]:
    seen: set[str] = set()
    for i, name in enumerate(names):
        if not name:
            faults.append(SpecError("name is required", path=f"{path}[{i}]"))
        elif name in seen:
            faults.append(SpecError(f"name '{name}' is not unique", path=f"{path}[{i}]"))
        else:
            seen.add(name)
            yield i, name

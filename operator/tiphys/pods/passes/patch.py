"""Pass: `podSpecPatch` of workflow and template, in YAML or JSON. Source: argo-semantics 4.6."""

from typing import cast

import yaml

from tiphys.errors import SpecError
from tiphys.model.base import Json
from tiphys.pods.draft import Draft
from tiphys.pods.merge import strategic_merge

MAX_VALUES = 20_000
"""More than any pod has."""


def pod_spec_patch(draft: Draft) -> None:
    """Merge the patches, the workflow's first; before the command is wrapped, so that a patched command is wrapped too.

    Raises:
        SpecError: A patch is no object, or cannot be merged.
    """
    spec, template = draft.workflow.spec, draft.template
    for path, text in (("spec.podSpecPatch", spec.pod_spec_patch), (draft.path("podSpecPatch"), template.pod_spec_patch)):
        if text.strip():
            draft.spec = strategic_merge(draft.spec, _parse(text, path), path)
    for key in ("containers", "initContainers", "volumes"):
        draft.spec.setdefault(key, [])


def _parse(text: str, path: str) -> Json:
    try:
        patch = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 both are safe loaders
    except (yaml.YAMLError, ValueError, RecursionError) as e:
        raise SpecError(f"is neither JSON nor YAML: {e}", path=path) from e
    if not isinstance(patch, dict) or not all(isinstance(key, str) for key in patch):
        raise SpecError("is no object", path=path, hint="write what is to be changed, e.g. `containers: [{name: main, ...}]`")
    _check_size(patch, path)
    return cast("Json", patch)


def _check_size(patch: object, path: str) -> None:
    """Aliases make a small text a huge value."""
    values, count = [patch], 0
    while values:
        value, count = values.pop(), count + 1
        if count > MAX_VALUES:
            raise SpecError(f"holds more than {MAX_VALUES} values", path=path)
        values += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()

"""Pass: `podSpecPatch` of workflow and template, the last word."""

from typing import cast

import yaml

from tiphys.errors import SpecError
from tiphys.model.base import Json
from tiphys.pods.draft import Draft
from tiphys.pods.merge import strategic_merge


def pod_spec_patch(draft: Draft) -> None:
    """Merge the patches, the workflow's first."""
    for where, text in (("podSpecPatch", draft.workflow.spec.pod_spec_patch), ("podSpecPatch", draft.template.pod_spec_patch)):
        if not text:
            continue
        try:
            patch = yaml.safe_load(text)
        except yaml.YAMLError as e:
            raise SpecError(f"is no YAML: {e}", path=where) from e
        if not isinstance(patch, dict):
            raise SpecError("is no object", path=where)
        draft.spec = strategic_merge(draft.spec, cast("Json", patch))

"""What a new workflow is labelled with: the template it comes from, the controller's defaults, its own `workflowMetadata`.

Source: argo-semantics 1.1, 2.6, 22.5.
"""

import re
from collections.abc import Mapping
from datetime import datetime

import msgspec

from tiphys.engine.effective import default_metadata
from tiphys.engine.premises import Premises
from tiphys.errors import SpecError
from tiphys.expr.scope import Scope
from tiphys.expr.template import evaluate_in, substitute
from tiphys.model.base import ObjectMeta
from tiphys.model.names import LABEL_CLUSTER_WORKFLOW_TEMPLATE, LABEL_WORKFLOW_TEMPLATE
from tiphys.model.spec import WorkflowMetadata, WorkflowSpec

_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")


class Labelling(msgspec.Struct, frozen=True):
    """Labels and annotations to add."""

    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}


def origin(meta: ObjectMeta, own: WorkflowSpec, premises: Premises) -> Labelling:
    """The labels that name the referenced template, and what the defaults add."""
    labels, annotations = default_metadata(meta, premises)
    ref = own.workflow_template_ref
    if ref is not None:
        labels[LABEL_CLUSTER_WORKFLOW_TEMPLATE if ref.cluster_scope else LABEL_WORKFLOW_TEMPLATE] = ref.name
    return Labelling(labels, annotations)


def own_metadata(written: WorkflowMetadata | None, scope: Scope, now: datetime) -> Labelling:
    """What the spec's `workflowMetadata` says, its tags replaced and its expressions evaluated.

    Raises:
        SpecError: A label's value is none, or an expression yields no text.
        ExpressionError: An expression fails.
    """
    if written is None:
        return Labelling()
    said = substitute(written, scope, strict=False, now=now)
    labels = dict(said.labels)
    for key, source in said.labels_from.items():
        value = evaluate_in(source.expression, scope, now=now)
        if not isinstance(value, str):
            raise SpecError(f"failed to evaluate label {key!r}: expected string but got {type(value).__name__}")
        labels[key] = value
    for key, value in labels.items():
        if not _VALUE.fullmatch(value):
            raise SpecError(f"invalid label value {value!r} for label {key!r}: at most 63 letters, digits, '-', '_' and '.'")
    return Labelling(labels, said.annotations)

"""Stored templates as a run sees them: a snapshot of the WorkflowTemplates of its namespace and of the cluster's.

A scope is `namespaced/<WorkflowTemplate>` or `cluster/<ClusterWorkflowTemplate>`, as node statuses spell it.

Source: argo-semantics 22.1.
"""

from collections.abc import Mapping

import msgspec

from tiphys.errors import SpecError
from tiphys.model.arguments import Metadata
from tiphys.model.parse import nearest
from tiphys.model.spec import WorkflowSpec
from tiphys.model.template import Template

NAMESPACED = "namespaced/"
CLUSTER = "cluster/"
_WORDS = {NAMESPACED: "workflow template", CLUSTER: "cluster workflow template"}


def scope_of(name: str, *, cluster_scope: bool | None) -> str:
    """The scope of a stored object."""
    return f"{CLUSTER if cluster_scope else NAMESPACED}{name}"


def spell_scope(scope: str) -> str:
    """The object of a scope in words: `workflow template x`."""
    kind, _, name = scope.partition("/")
    return f"{_WORDS[kind + '/']} {name}"


class Library(msgspec.Struct, frozen=True):
    """What is stored, at one moment.

    Attributes:
        specs: Scope -> the object's spec.
        faults: Scope, or the beginning of scopes (`cluster/`) -> why it cannot be read.
    """

    specs: Mapping[str, WorkflowSpec] = {}
    faults: Mapping[str, str] = {}

    def spec(self, scope: str) -> WorkflowSpec:
        """The spec of a stored object.

        Raises:
            SpecError: There is none, or it cannot be read.
        """
        found = self.specs.get(scope)
        if found is not None:
            return found
        kind, _, name = scope.partition("/")
        fault = self.faults.get(scope) or self.faults.get(kind + "/")
        if fault:
            raise SpecError(f"{spell_scope(scope)} cannot be read: {fault}")
        known = [other.removeprefix(kind + "/") for other in self.specs if other.startswith(kind + "/")]
        raise SpecError(f"{spell_scope(scope)} not found{nearest(name, known)}")

    def template(self, scope: str, name: str) -> Template:
        """A template of a stored object, with what that says about all its pods. Source: argo-semantics 4.2, 22.1.

        Raises:
            SpecError: The object or the template is not there.
        """
        spec = self.spec(scope)
        templates = {template.name: template for template in spec.templates}
        if name not in templates:
            raise SpecError(f"template {name} not found in {spell_scope(scope)}{nearest(name, templates)}")
        template, common = templates[name], spec.pod_metadata
        if common is None:
            return template
        own = template.metadata or Metadata()
        metadata = Metadata(labels={**common.labels, **own.labels}, annotations={**common.annotations, **own.annotations})
        return msgspec.structs.replace(template, metadata=metadata)

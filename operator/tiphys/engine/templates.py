"""Which template a step, task, hook or workflow means, with the defaults merged under it.

Source: argo-semantics 3.7, 18.6, 22.
"""

from typing import Any, Protocol

import msgspec

from tiphys.errors import SpecError
from tiphys.model.base import Json
from tiphys.model.parse import nearest
from tiphys.model.template import Template, TemplateRef
from tiphys.model.workflow import Workflow

KINDS = ("container", "container_set", "steps", "dag", "script", "resource", "data", "suspend", "http", "plugin")
POD_KINDS = frozenset({"container", "container_set", "script", "resource", "data"})


class Holder(Protocol):
    """What names a template: a step, a task or a hook."""

    @property
    def template(self) -> str:
        """Name of a template of the same object."""

    @property
    def template_ref(self) -> TemplateRef | None:
        """Name of a template of another object."""


class Found(msgspec.Struct, frozen=True):
    """A template and where it was found."""

    template: Template
    name: str = ""
    ref: TemplateRef | None = None
    scope: str = ""


def kind_of(template: Template) -> str:
    """The field that says what the template does; empty when none is set. The first wins where several are."""
    for kind in KINDS:
        value = getattr(template, kind)
        if value is not None and value != ():
            return kind
    return ""


class Templates:
    """The templates that a run can call."""

    def __init__(self, workflow: Workflow) -> None:
        self._scope = f"local/{workflow.metadata.name}"
        self._defaults = workflow.spec.template_defaults
        self._raw = {template.name: template for template in workflow.spec.templates}
        self._merged: dict[str, Template] = {}

    def local(self, name: str) -> Found:
        """The template called `name`.

        Raises:
            SpecError: There is none.
        """
        if name not in self._merged:
            if name not in self._raw:
                raise SpecError(f"template name '{name}' undefined{nearest(name, self._raw)}")
            self._merged[name] = self._with_defaults(self._raw[name])
        return Found(self._merged[name], name=name, scope=self._scope)

    def of(self, holder: Holder) -> Found:
        """The template that a step, task or hook calls.

        Raises:
            SpecError: There is none.
        """
        inline = getattr(holder, "inline", None)
        if inline is not None:
            return Found(self._with_defaults(inline), scope=self._scope)
        if holder.template_ref is not None:
            ref = holder.template_ref
            raise SpecError(f"template reference {ref.name}.{ref.template} not found")
        return self.local(holder.template)

    def _with_defaults(self, template: Template) -> Template:
        return template if self._defaults is None else merge_defaults(template, self._defaults)


def merge_defaults(template: Template, defaults: Template) -> Template:
    """The template where what it leaves out is taken from `defaults`; embedded pod types merge key by key.

    Differs from Argo: a default for a kind that the template is not (a `container` for a script) is left out, not a conflict.
    """
    empty = Template()
    changes: dict[str, Any] = {}
    for field in Template.__struct_fields__:
        own, default = getattr(template, field), getattr(defaults, field)
        if default == getattr(empty, field) or field == "name":
            continue
        if isinstance(own, dict) and isinstance(default, dict):
            changes[field] = merge_json(own, default)
        elif own == getattr(empty, field) and field not in KINDS:
            changes[field] = default
    return msgspec.structs.replace(template, **changes) if changes else template


def merge_json(own: Json, default: Json) -> Json:
    """Keys of `own` over keys of `default`, objects merged key by key."""
    merged = dict(default)
    for key, value in own.items():
        below = merged.get(key)
        merged[key] = merge_json(value, below) if isinstance(value, dict) and isinstance(below, dict) else value
    return merged

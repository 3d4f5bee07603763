"""Which template a step, task, hook or workflow means, with the defaults merged under it.

Source: argo-semantics 3.7, 18.6, 22.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from tiphys.engine.library import Library, scope_of
from tiphys.engine.references import calls_others
from tiphys.errors import SpecError
from tiphys.model.base import Json
from tiphys.model.parse import nearest
from tiphys.model.spec import WorkflowSpec
from tiphys.model.template import Template, TemplateRef

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
    """A template and where it was found.

    Attributes:
        scope: Of the object whose text names it.
        home: Of the object that holds it, where that is another one.
    """

    template: Template
    name: str = ""
    ref: TemplateRef | None = None
    scope: str = ""
    home: str = ""

    @property
    def inside(self) -> str:
        """The scope in which the template's own text names templates."""
        return self.home or self.scope


def kind_of(template: Template) -> str:
    """The field that says what the template does; empty when none is set. The first wins where several are."""
    for kind in KINDS:
        value = getattr(template, kind)
        if value is not None and value != ():
            return kind
    return ""


class Templates:
    """The templates that a run can call: its own, and those of stored objects, which are kept once they were called.

    Attributes:
        own_scope: The scope of the run's own spec.
        calls_others: Whether stored templates are called.
        stored: What was called of other objects: `<scope>/<template>` -> template, as `status.storedTemplates` keeps it.
    """

    def __init__(self, name: str, spec: WorkflowSpec, stored: Mapping[str, Template], library: Library) -> None:
        self.own_scope = f"local/{name}"
        self.stored = dict(stored)
        self.library = library
        self.calls_others = bool(stored) or calls_others(spec)
        self._defaults = spec.template_defaults
        self._raw = {template.name: template for template in spec.templates}
        self._merged: dict[str, Template] = {}
        self._local: dict[str, Found] = {}

    def local(self, name: str) -> Found:
        """The template of the run's own spec called `name`.

        Raises:
            SpecError: There is none.
        """
        found = self._local.get(name)
        if found is None:
            if name not in self._raw:
                raise SpecError(f"template name '{name}' undefined{nearest(name, self._raw)}")
            found = self._local[name] = Found(self._complete(name, self._raw[name]), name=name, scope=self.own_scope)
        return found

    def of(self, holder: Holder, scope: str) -> Found:
        """The template that a step, task or hook calls whose text stands in `scope`.

        Raises:
            SpecError: There is none.
        """
        inline, ref = getattr(holder, "inline", None), holder.template_ref
        if inline is not None:
            return Found(self._with_defaults(inline), scope=scope)
        if ref is not None:
            if not ref.name or not ref.template:
                raise SpecError("resource name is required" if not ref.name else "template name is required")
            home = scope_of(ref.name, cluster_scope=ref.cluster_scope)
            return Found(self._shelved(home, ref.template), name=ref.template, ref=ref, scope=scope, home=home)
        if scope == self.own_scope:
            return self.local(holder.template)
        return Found(self._shelved(scope, holder.template), name=holder.template, scope=scope)

    def _shelved(self, scope: str, name: str) -> Template:
        """A template of a stored object, as it was when the run called it first.

        Differs from Argo: the object may be deleted while the run goes on.
        """
        key = f"{scope}/{name}"
        if key not in self.stored:
            self.stored[key] = self.library.template(scope, name)
        return self._complete(key, self.stored[key])

    def _complete(self, key: str, template: Template) -> Template:
        if key not in self._merged:
            self._merged[key] = self._with_defaults(template)
        return self._merged[key]

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

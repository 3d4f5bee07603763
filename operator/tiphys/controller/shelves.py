"""Stored templates as the watches tell of them: shared by all runs, so that neither a submission nor a turn asks the API server.

A snapshot handed to a run never changes: every change makes new maps.
"""

import logging
from collections import ChainMap
from collections.abc import Callable

import msgspec

from tiphys.engine.library import CLUSTER, NAMESPACED, Library
from tiphys.engine.references import static_references
from tiphys.errors import SpecError
from tiphys.model.base import ObjectMeta
from tiphys.model.parse import parse_as
from tiphys.model.spec import WorkflowSpec
from tiphys.model.workflow import WorkflowTemplate

log = logging.getLogger(__name__)


class Stored(msgspec.Struct, frozen=True):
    """A stored object as it was heard of: its spec, or why it cannot be read."""

    metadata: ObjectMeta
    spec: WorkflowSpec | None
    fault: str = ""


class _Heading(msgspec.Struct, frozen=True):
    metadata: ObjectMeta = ObjectMeta()


def parse_stored(raw: msgspec.Raw | bytes) -> Stored:
    """A WorkflowTemplate or ClusterWorkflowTemplate.

    Raises:
        msgspec.DecodeError: Not even its metadata can be read.
    """
    try:
        found = parse_as(WorkflowTemplate, bytes(raw))
    except SpecError as e:
        return Stored(msgspec.json.decode(raw, type=_Heading).metadata, None, str(e))
    return Stored(found.metadata, found.spec)


class Shelves:
    """Every stored template, by namespace.

    Args:
        on_change: Told the namespace that has changed; empty for the cluster's.
    """

    def __init__(self, on_change: Callable[[str], None]) -> None:
        self._on_change = on_change
        self._specs: dict[str, dict[str, WorkflowSpec]] = {}
        self._faults: dict[str, dict[str, str]] = {}
        self._kind_faults: dict[str, str] = {}

    def library(self, namespace: str) -> Library:
        """What a workflow of a namespace may call, as it is now."""
        return Library(
            ChainMap(self._specs.get(namespace, {}), self._specs.get("", {})),
            ChainMap(self._faults.get(namespace, {}), self._faults.get("", {}), self._kind_faults),
        )

    def heard(self, _key: str, stored: Stored) -> None:
        """A stored object was added or changed."""
        namespace, scope = stored.metadata.namespace, _scope(stored.metadata)
        specs, faults = dict(self._specs.get(namespace, {})), dict(self._faults.get(namespace, {}))
        specs.pop(scope, None)
        faults.pop(scope, None)
        if stored.spec is not None:
            specs[scope] = stored.spec
        else:
            faults[scope] = stored.fault
            log.warning("%s in %s cannot be read: %s", scope, namespace or "the cluster", stored.fault)
        self._specs[namespace], self._faults[namespace] = specs, faults
        self._on_change(namespace)

    def gone(self, _key: str, stored: Stored) -> None:
        """A stored object was deleted."""
        namespace, scope = stored.metadata.namespace, _scope(stored.metadata)
        self._specs[namespace] = {key: spec for key, spec in self._specs.get(namespace, {}).items() if key != scope}
        self._faults[namespace] = {key: text for key, text in self._faults.get(namespace, {}).items() if key != scope}
        self._on_change(namespace)

    def set_fault(self, kind: str, message: str) -> None:
        """A whole kind (`cluster/`, `namespaced/`) cannot be read; an empty message says that it can."""
        faults = {key: text for key, text in self._kind_faults.items() if key != kind}
        self._kind_faults = {**faults, **({kind: message} if message else {})}

    def missing(self, spec: WorkflowSpec, namespace: str) -> set[str]:
        """The scopes that a spec reaches, directly or through others, and that nobody has told of yet."""
        library, missing, seen = self.library(namespace), set[str](), set[str]()
        waiting = list(static_references(spec))
        while waiting:
            scope = waiting.pop()
            if scope in seen:
                continue
            seen.add(scope)
            if scope in library.specs:
                waiting += static_references(library.specs[scope])
            elif scope not in library.faults:
                missing.add(scope)
        return missing


def _scope(meta: ObjectMeta) -> str:
    return f"{NAMESPACED if meta.namespace else CLUSTER}{meta.name}"

"""Names and what they stand for, looked up when asked: nothing is copied into a scope that nobody reads.

Source: argo-semantics 9.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()
"""The answer for a name that stands for nothing; None is an optional value that is absent."""


class Scope:
    """Dotted names (`inputs.parameters.x`) and their values; what is not here is asked of the scope around."""

    __slots__ = ("_index", "_parent", "_prefixes", "_resolve", "_values")

    def __init__(
        self,
        values: Mapping[str, object] | None = None,
        parent: "Scope | None" = None,
        resolve: Callable[[str], object] | None = None,
        prefixes: Callable[[str], Iterable[str]] | None = None,
    ) -> None:
        """A scope.

        Args:
            values: Exact names; they must not change once the scope is used.
            parent: The scope around.
            resolve: Answers an exact name, `MISSING` when it knows none.
            prefixes: The names directly below a prefix (`steps.` -> `a`, `b`) that `resolve` knows; without it, expressions
                can descend to what it knows but not list it.
        """
        self._values = values or {}
        self._parent = parent
        self._resolve = resolve
        self._prefixes = prefixes
        self._index: frozenset[str] | None = None

    def get(self, name: str) -> object:
        """The value of `name`: text or JSON; `MISSING` when it stands for nothing, None when its value is absent."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope._values:
                return scope._values[name]
            if scope._resolve is not None and (value := scope._resolve(name)) is not MISSING:
                return value
            scope = scope._parent
        return MISSING

    def child(
        self,
        values: Mapping[str, object] | None = None,
        resolve: Callable[[str], object] | None = None,
        prefixes: Callable[[str], Iterable[str]] | None = None,
    ) -> "Scope":
        """A scope inside this one."""
        return Scope(values, self, resolve, prefixes)

    def below(self, prefix: str) -> dict[str, None]:
        """The names directly below a prefix that ends with a dot, innermost scope first, as far as they can be listed."""
        found: dict[str, None] = {}
        scope: Scope | None = self
        while scope is not None:
            for name in scope._values:
                if name.startswith(prefix):
                    found[name[len(prefix) :].split(".", 1)[0]] = None
            if scope._prefixes is not None:
                found.update(dict.fromkeys(scope._prefixes(prefix)))
            scope = scope._parent
        return found

    def has_below(self, prefix: str) -> bool:
        """Whether a name is known to begin with `prefix`, which ends with a dot."""
        scope: Scope | None = self
        while scope is not None:
            if prefix in scope._known_prefixes():
                return True
            if scope._prefixes is not None and any(True for _ in scope._prefixes(prefix)):
                return True
            scope = scope._parent
        return False

    def _known_prefixes(self) -> frozenset[str]:
        if self._index is None:
            found: set[str] = set()
            for name in self._values:
                place = name.find(".") + 1
                while place:
                    found.add(name[:place])
                    place = name.find(".", place) + 1
            self._index = frozenset(found)
        return self._index

    def environment(self) -> "Branch":
        """The scope as nested maps, made as they are walked, for expressions."""
        return Branch(self, "", MISSING)


class Branch(Mapping[str, Any]):
    """A dotted prefix on the way through a scope: a map of what is below, and perhaps a value of its own.

    As with Argo, a name that has both is the map. A resolver may know names below that it cannot list, so a branch is only
    a promise: `settle` says what it comes to where the way ends.
    """

    __slots__ = ("_prefix", "_scope", "_value")

    def __init__(self, scope: Scope, prefix: str, value: object) -> None:
        self._scope = scope
        self._prefix = prefix
        self._value = value

    def step(self, key: object) -> object:
        """The branch called `key`."""
        name = self._prefix + str(key)
        return Branch(self._scope, name + ".", self._scope.get(name))

    def settle(self) -> Any:
        """The map when something is known to be below; else the value, None when there is none."""
        if self._value is not MISSING and not isinstance(self._value, str):
            return self._value
        if not self._prefix or self._scope.has_below(self._prefix):
            return self
        return None if self._value is MISSING else self._value

    def own_value(self) -> object:
        """The value that this very name has, `MISSING` when it has none."""
        return self._value

    def get(self, key: object, default: Any = None) -> Any:
        """What `key` comes to; `default` when that is nothing."""
        value = Branch(self._scope, f"{self._prefix}{key}.", self._scope.get(f"{self._prefix}{key}")).settle()
        return default if value is None else value

    def __getitem__(self, key: str) -> Any:
        if key in self:
            return self.get(key)
        raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        name = f"{self._prefix}{key}"
        is_known = self._scope.get(name) is not MISSING or self._scope.has_below(name + ".")
        return is_known or key in self._scope.below(self._prefix)

    def __iter__(self) -> Iterator[str]:
        return iter(self._scope.below(self._prefix))

    def __len__(self) -> int:
        return len(self._scope.below(self._prefix))

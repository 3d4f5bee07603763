"""Which workflows a list shows, as the query of a request says it.

Source: rest-and-clients 1.2, "Query names", "nameFilter".
"""

import re
from datetime import UTC, datetime

import msgspec

from tiphys.errors import SpecError
from tiphys.model.archived import ArchiveQuery

_TERM = re.compile(r"([A-Za-z.]+)(==|!=|=|>|<)(.*)")
_NAME_FILTERS = ("", "Exact", "Prefix", "Contains")
_MOST = 10**9


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be shown.

    Attributes:
        namespace: Of the path, or of the field selector; empty for all.
        name_filter: How `name` is meant: Exact, Prefix or Contains.
        not_name, not_namespace: What is left out.
        labels: A label selector.
        limit: Rows of the page; 0 for all.
        offset: Rows before it.
        is_counted: Whether the rows after the page are counted.
    """

    namespace: str = ""
    name: str = ""
    name_filter: str = "Exact"
    not_name: str = ""
    not_namespace: str = ""
    labels: str = ""
    started_after: datetime | None = None
    started_before: datetime | None = None
    created_after: datetime | None = None
    finished_before: datetime | None = None
    limit: int = 0
    offset: int = 0
    is_counted: bool = False

    @property
    def reach(self) -> int:
        """Rows from the first one to the end of the page; 0 for all."""
        return self.offset + self.limit if self.limit else 0

    @property
    def fields(self) -> str:
        """What the cluster can choose by itself."""
        terms = [f"metadata.name={self.name}"] if self.name and self.name_filter == "Exact" else []
        terms += [f"metadata.name!={self.not_name}"] if self.not_name else []
        terms += [f"metadata.namespace!={self.not_namespace}"] if self.not_namespace else []
        return ",".join(terms)

    def archive_query(self, offset: int, limit: int) -> ArchiveQuery:
        """The same of the archive."""
        name = {self.name_filter: self.name}
        return ArchiveQuery(
            namespace=self.namespace, name=name.get("Exact", ""), name_prefix=name.get("Prefix", ""),
            name_contains=name.get("Contains", ""), not_name=self.not_name, not_namespace=self.not_namespace, labels=self.labels,
            started_after=self.started_after, started_before=self.started_before, created_after=self.created_after,
            finished_before=self.finished_before, limit=limit, offset=offset,
        )  # fmt: skip

    def has_name(self, name: str) -> bool:
        """Whether a name is one of those that are wanted."""
        if self.name_filter == "Prefix":
            return name.startswith(self.name)
        return self.name in name if self.name_filter == "Contains" else self.name in ("", name)


def count_of(text: str, path: str) -> int:
    """A number of rows; 0 for nothing.

    Raises:
        SpecError: It is none.
    """
    if text and not (text.isascii() and text.isdecimal() and len(text) < len(str(_MOST))):
        raise SpecError(f"{text!r} is no count", path=path)
    return int(text or 0)


def time_of(text: str, path: str) -> datetime | None:
    """A time as RFC 3339 writes it; None for nothing.

    Raises:
        SpecError: It is none.
    """
    if not text:
        return None
    try:
        return msgspec.convert(text, datetime).astimezone(UTC)
    except (msgspec.ValidationError, ValueError, OverflowError) as e:
        raise SpecError(f"{text!r} is no time like 2026-01-31T12:00:00Z", path=path) from e


def with_selector(choice: Choice, text: str) -> Choice:
    """The choice, narrowed by a field selector.

    Raises:
        SpecError: It names a field that nothing can be chosen by, or another namespace than the path.
    """
    changes: dict[str, object] = {}
    for term in filter(None, text.split(",")):
        found = _TERM.fullmatch(term.strip())
        changes |= _term(found[1], found[2], found[3], term) if found else _unknown(term)
    said = changes.get("namespace")
    if said and choice.namespace not in ("", said):
        raise SpecError(f"the path says namespace {choice.namespace!r}, the field selector {said!r}", path="fieldSelector")
    return msgspec.structs.replace(choice, **{key: value for key, value in changes.items() if value != ""})


def _term(field: str, sign: str, value: str, term: str) -> dict[str, object]:
    match field, "=" if sign == "==" else sign:
        case (("metadata.name" | "metadata.namespace"), "="):
            return {field.removeprefix("metadata."): value}
        case (("metadata.name" | "metadata.namespace"), "!="):
            return {f"not_{field.removeprefix('metadata.')}": value}
        case "spec.startedAt", (">" | "<"):
            return {"started_after" if sign == ">" else "started_before": time_of(value, "fieldSelector")}
        case "ext.showRemainingItemCount", "=":
            return {"is_counted": value == "true"}
    return _unknown(term)


def _unknown(term: str) -> dict[str, object]:
    raise SpecError(f"unsupported requirement {term!r}", path="fieldSelector")


def checked_filter(text: str) -> str:
    """The value of `nameFilter`.

    Raises:
        SpecError: There is no such filter.
    """
    if text not in _NAME_FILTERS:
        raise SpecError(f"{text!r} is none of {', '.join(_NAME_FILTERS[1:])}", path="nameFilter")
    return text or "Exact"

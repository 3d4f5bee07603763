"""Label selectors and filters as SQL: every value is a bound parameter, every condition may use an index."""

from sqlalchemy import ColumnElement, Integer, and_, cast, exists, not_, or_, select
from sqlalchemy.sql import operators

from tiphys.archive.tables import Tables
from tiphys.archive.target import Target
from tiphys.errors import ExpressionError, SpecError
from tiphys.expr.selector import Requirement, parse_condition
from tiphys.model.archived import ArchiveQuery, parse_cursor

_SURROGATES = 0xD800
"""From here to U+DFFF is no character."""


def conditions(query: ArchiveQuery, tables: Tables, target: Target) -> list[ColumnElement[bool]]:
    """All that a row of the archive must fulfil.

    Raises:
        SpecError: The label selector or the cursor cannot be read.
    """
    at = tables.archive.c
    found: list[ColumnElement[bool]] = [at.clustername == target.cluster]
    if target.instance_id is not None:
        found.append(at.instanceid == target.instance_id)
    wanted = (
        (query.namespace, at.namespace == query.namespace),
        (query.name, at.name == query.name),
        (query.name_prefix, begins(at.name, query.name_prefix, target.kind)),
        (query.name_contains, at.name.contains(query.name_contains, autoescape=True)),
        (query.not_name, at.name != query.not_name),
        (query.not_namespace, at.namespace != query.not_namespace),
        (query.phases, at.phase.in_(query.phases)),
    )
    found += [condition for given, condition in wanted if given]
    if query.started_after is not None:
        found.append(at.startedat >= query.started_after.replace(tzinfo=None))
    if query.started_before is not None:
        found.append(at.startedat < query.started_before.replace(tzinfo=None))
    if query.created_after is not None:
        found.append(at.creationtimestamp >= query.created_after.replace(tzinfo=None))
    if query.finished_before is not None:
        found.append(at.finishedat < query.finished_before.replace(tzinfo=None))
    if query.cursor:
        last = parse_cursor(query.cursor)
        start = last.started_at.replace(tzinfo=None)
        # the first half alone lets an index be used; the second goes on within equal starts
        found += [at.startedat <= start, or_(at.startedat < start, at.uid < last.uid)]
    return found + selected(query.labels, tables, is_postgresql=target.kind == "postgresql")


def begins(column: ColumnElement[str], prefix: str, kind: str) -> ColumnElement[bool]:
    """Whether a name begins so, in words that let its index be used, also by a statement that is planned once for all values."""
    if kind == "mysql":
        return column.startswith(prefix, autoescape=True)
    # LIKE goes by the index only in a plan of its own, and in SQLite never
    least, below = ("~>=~", "~<~") if kind == "postgresql" else (">=", "<")
    end = _behind(prefix)
    found = column.op(least, is_comparison=True)(prefix)
    return and_(found, column.op(below, is_comparison=True)(end)) if end else found


def _behind(prefix: str) -> str:
    """The first text behind all that begin so; empty when there is none."""
    kept = prefix.rstrip("\U0010ffff")
    if not kept:
        return ""
    following = ord(kept[-1]) + 1
    return kept[:-1] + chr(0xE000 if following == _SURROGATES else following)


def selected(selector: str, tables: Tables, *, is_postgresql: bool = False) -> list[ColumnElement[bool]]:
    """What a label selector demands of a row, looked up for each row by the labels' key.

    Raises:
        SpecError: It cannot be read.
    """
    return [_requirement(one, tables, is_postgresql=is_postgresql) for one in requirements(selector)]


def requirements(selector: str) -> tuple[Requirement, ...]:
    """The parts of a label selector; none of an empty one.

    Raises:
        SpecError: It cannot be read.
    """
    if not selector.strip():
        return ()
    try:
        return parse_condition(selector).requirements
    except ExpressionError as e:
        raise SpecError(e.message, path="labelSelector") from e


def _requirement(one: Requirement, tables: Tables, *, is_postgresql: bool) -> ColumnElement[bool]:
    label, row = tables.labels.c, tables.archive.c
    same = and_(label.clustername == row.clustername, label.uid == row.uid, label.name == one.key)

    def look(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
        found = select(label.uid).where(*conditions)
        # an offset keeps PostgreSQL from making a join of it: which rows to look at first is `picking`'s affair
        return exists(found.offset(0) if is_postgresql else found)

    match one.sign:
        case "exists" | "!":
            has = look(same)
        case "in" | "=" | "notin" | "!=":
            values = label.value == one.values[0] if len(one.values) == 1 else label.value.in_(one.values)
            has = look(same, values)
        case _:
            compare = operators.lt if one.sign == "<" else operators.gt
            number = label.value.regexp_match("^[0-9]{1,18}$")
            has = look(same, number, compare(cast(label.value, Integer), int(one.values[0])))
    return not_(has) if one.sign in ("!", "notin", "!=") else has

"""A plan as a picture: in the terminal, as Mermaid, DOT or SVG."""

from collections.abc import Iterator
from html import escape

from rich.markup import escape as plain
from rich.tree import Tree

from tiphys.engine.forecast import Call

_KINDS = {"steps": "⧉", "dag": "⧉", "suspend": "◷", "resource": "⚙", "http": "⇄"}
_WIDTH, _HEIGHT = 190, 46
_TIP = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0L8 4L0 8z" fill="#667"/></marker></defs>'
)


def label(call: Call) -> str:
    """What a call is called: name, template, loop and condition."""
    times = {None: " many times", 1: ""}.get(call.count, f" {call.count} times")
    template = f" ({call.template_name})" if call.template_name != call.name else ""
    again = " ↻" if call.is_recursive else ""
    return f"{call.name}{template}{times}{again}"


def condition(call: Call) -> str:
    """What decides whether a call runs; empty where nothing does."""
    if not call.condition:
        return ""
    said = {True: "yes", False: "no", None: "known at run time"}[call.verdict]
    return f"when {call.condition}: {said}"


def tree(calls: tuple[Call, ...], title: str) -> Tree:
    """For the terminal."""
    root = Tree(plain(title))
    for call in calls:
        _grow(root, call)
    return root


def _grow(above: Tree, call: Call) -> None:
    style = "dim" if call.verdict is False or call.count == 0 else ""
    told = [plain(label(call))]
    if call.after:
        told.append(f"[dim]after {plain(', '.join(one.rpartition('.')[2] for one in call.after))}[/dim]")
    if call.condition:
        told.append(f"[yellow]{plain(condition(call))}[/yellow]")
    branch = above.add(f"{_KINDS.get(call.kind, '▣')} {'  '.join(told)}", style=style)
    for tag in call.unknown:
        branch.add(f"[dim]at run time: {plain(tag)}[/dim]")
    for inner in call.calls:
        _grow(branch, inner)


def edges(calls: tuple[Call, ...]) -> Iterator[tuple[Call, Call]]:
    """Pairs of leaves, the second of which waits for the first."""
    for call in calls:
        inside = {one.id: one for one in call.calls}
        for inner in call.calls:
            for one in inner.after:
                if one in inside:
                    yield from ((a, b) for a in _ends(inside[one]) for b in _starts(inner))
        yield from edges(call.calls)


def _starts(call: Call) -> list[Call]:
    if not call.calls:
        return [call]
    return [leaf for one in call.calls if not one.after for leaf in _starts(one)]


def _ends(call: Call) -> list[Call]:
    if not call.calls:
        return [call]
    waited = {name for one in call.calls for name in one.after}
    return [leaf for one in call.calls if one.id not in waited for leaf in _ends(one)]


def _leaves(calls: tuple[Call, ...]) -> list[Call]:
    """All that is drawn as a box."""
    return [one for call in calls for one in (_leaves(call.calls) if call.calls else [call])]


def mermaid(calls: tuple[Call, ...]) -> str:
    """A flowchart for Mermaid."""
    numbers = {call.id: f"n{index}" for index, call in enumerate(_leaves(calls))}
    lines = ["flowchart TD"]
    for call in _leaves(calls):
        text = label(call).replace('"', "#quot;")
        lines.append(f'  {numbers[call.id]}["{text}"]')
        if call.verdict is False:
            lines.append(f"  style {numbers[call.id]} stroke-dasharray: 4")
    lines += [f"  {numbers[a.id]} --> {numbers[b.id]}" for a, b in edges(calls)]
    return "\n".join(lines) + "\n"


def dot(calls: tuple[Call, ...]) -> str:
    """A graph for Graphviz."""
    lines = ["digraph workflow {", "  node [shape=box, style=rounded];"]
    for call in _leaves(calls):
        dashed = ", style=dashed" if call.verdict is False else ""
        lines.append(f"  {_quoted(call.id)} [label={_quoted(label(call))}{dashed}];")
    lines += [f"  {_quoted(a.id)} -> {_quoted(b.id)};" for a, b in edges(calls)]
    return "\n".join([*lines, "}"]) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def svg(calls: tuple[Call, ...]) -> str:
    """A picture, laid out in layers."""
    import igraph

    leaves = _leaves(calls)
    numbers = {call.id: index for index, call in enumerate(leaves)}
    pairs = [(numbers[a.id], numbers[b.id]) for a, b in edges(calls)]
    layout = igraph.Graph(n=len(leaves), edges=pairs, directed=True).layout_sugiyama(hgap=1, vgap=1)
    places = [(x, y) for x, y in list(layout)[: len(leaves)]]
    left, top = min((x for x, _ in places), default=0), min((y for _, y in places), default=0)
    at = [((x - left) * (_WIDTH + 20) + 10, (y - top) * (_HEIGHT + 40) + 10) for x, y in places]
    width, height = max((x for x, _ in at), default=0) + _WIDTH + 10, max((y for _, y in at), default=0) + _HEIGHT + 10
    size = f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}"'
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="13">', _TIP]
    for a, b in pairs:
        x1, y1, x2, y2 = at[a][0] + _WIDTH / 2, at[a][1] + _HEIGHT, at[b][0] + _WIDTH / 2, at[b][1]
        middle = (y1 + y2) / 2
        curve = f"M{x1:.0f} {y1:.0f}C{x1:.0f} {middle:.0f} {x2:.0f} {middle:.0f} {x2:.0f} {y2:.0f}"
        lines.append(f'<path d="{curve}" fill="none" stroke="#667" marker-end="url(#tip)"/>')
    for call, (x, y) in zip(leaves, at, strict=True):
        dashed = ' stroke-dasharray="5 4" opacity="0.6"' if call.verdict is False else ""
        box = f'x="{x:.0f}" y="{y:.0f}" width="{_WIDTH}" height="{_HEIGHT}" rx="7" fill="#f4f6fb" stroke="#445"'
        middle = f'x="{x + _WIDTH / 2:.0f}" y="{y + _HEIGHT / 2 + 5:.0f}" text-anchor="middle"'
        text = label(call)
        shown = escape(text if len(text) <= 26 else text[:25] + "…")
        title = escape(f"{text} {condition(call)}".strip())
        lines.append(f"<g><title>{title}</title><rect {box}{dashed}/><text {middle}>{shown}</text></g>")
    return "\n".join([*lines, "</svg>"]) + "\n"

"""Manifests as users write them: YAML and JSON of files, folders and standard input, with the place of every field.

Texts that look like dates stay texts, as Kubernetes reads them; a key that stands twice is an error.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tiphys.errors import NotFound, SpecError

Manifest = dict[str, Any]
SUFFIXES = (".yaml", ".yml", ".json")
_MOST_NODES, _MOST_DEPTH = 1_000_000, 200
"""So many values of a document are looked at, and so deep: aliases multiply, and may contain themselves."""
_FETCH_SECONDS, _LONGEST = 30, 16 * 2**20
_PART = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


class Place(NamedTuple):
    """Where something stands; both count from 1, 0 is unknown."""

    line: int
    column: int


class _Loader(yaml.CSafeLoader):
    """Without dates."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


class Document:
    """One object of a file.

    Attributes:
        file: Its file; `stdin` for standard input.
        value: The object.
        repeated: Keys that stand twice in one map: path and place of the second.

    Args:
        node: Where it was read from; None for one that stands in no file.
    """

    def __init__(self, file: str, value: Manifest, node: yaml.Node | None) -> None:
        self.file = file
        self.value = value
        self.repeated: list[tuple[str, Place]] = []
        self._node = node

    @property
    def kind(self) -> str:
        """`Workflow` and so on."""
        return str(self.value.get("kind") or "")

    @property
    def name(self) -> str:
        """Its name, or the beginning of its generated one."""
        meta = self.value.get("metadata")
        return str(meta.get("name") or meta.get("generateName") or "") if isinstance(meta, dict) else ""

    def place(self, path: str) -> Place:
        """Where a field stands, or as near as the path can be followed.

        Args:
            path: As errors write it: `spec.templates[0].name`, `templates.main.steps[0][1]`; a list's elements by index or name.
        """
        if self._node is None:
            return Place(0, 0)
        node, found = self._node, self._node
        parts = [int(index) if index else word for index, word in _PART.findall(path)]
        if parts and _below(node, parts[0]) is None:
            parts.insert(0, "spec")
        for part in parts:
            step = _below(node, part)
            if step is None:
                break
            found, node = step
        return Place(found.start_mark.line + 1, found.start_mark.column + 1)


def _below(node: yaml.Node, part: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    """The key (or element) to show and the value to go on with."""
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == str(part)), None)
    if not isinstance(node, yaml.SequenceNode):
        return None
    if isinstance(part, int):
        return (node.value[part], node.value[part]) if part < len(node.value) else None
    for element in node.value:
        named = _below(element, "name") if isinstance(element, yaml.MappingNode) else None
        if named is not None and named[1].value == part:
            return element, element
    return None


def read_documents(paths: tuple[str, ...]) -> Iterator[Document]:
    """Each object of files, folders (all below), URLs, and `-` for standard input; what is no object is passed over.

    Raises:
        SpecError: A file is no YAML; the message begins with `file:line:column`.
        NotFound: There is no such file.
    """
    for path in paths:
        if path == "-":
            yield from parse_documents("stdin", sys.stdin.read())
            continue
        if path.startswith(("http://", "https://")):
            yield from parse_documents(path, _fetched(path))
            continue
        where = Path(path)
        if not where.exists():
            raise NotFound(f"no file {path}")
        for file in files_below(where):
            yield from parse_documents(str(file), file.read_text(errors="replace"))


def _fetched(url: str) -> str:
    # few manifests come from a server
    import http.client
    import urllib.request

    try:
        with urllib.request.urlopen(url, timeout=_FETCH_SECONDS) as answer:  # noqa: S310 the schemes are known
            content: bytes = answer.read(_LONGEST + 1)
    except (OSError, http.client.HTTPException, ValueError) as e:
        raise NotFound(f"{url} cannot be read: {e}") from e
    if len(content) > _LONGEST:
        raise SpecError(f"{url} is longer than {_LONGEST} bytes")
    return content.decode(errors="replace")


def files_below(where: Path) -> list[Path]:
    """The manifests of a folder, or the file itself."""
    return sorted(file for file in where.rglob("*") if file.suffix in SUFFIXES) if where.is_dir() else [where]


def parse_documents(file: str, text: str) -> Iterator[Document]:
    """Each object of a text; see `read_documents`."""
    loader = _Loader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            if node is None:
                return
            repeated = list(_repeated(node, file))
            value = loader.construct_document(node)
            for one, its_node in _objects(value, node):
                document = Document(file, one, its_node)
                document.repeated = repeated
                yield document
    except yaml.MarkedYAMLError as e:
        mark = e.problem_mark or e.context_mark
        place = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else file
        raise SpecError(f"{place}: not valid YAML: {e.problem or e.context}") from e
    except (yaml.YAMLError, ValueError, RecursionError) as e:
        raise SpecError(f"{file}: not valid YAML: {str(e).splitlines()[0] if str(e) else type(e).__name__}") from e
    finally:
        loader.dispose()


def _objects(value: object, node: yaml.Node) -> Iterator[tuple[Manifest, yaml.Node]]:
    """The object, or those of a `List`."""
    if not isinstance(value, dict):
        return
    items = value.get("items")
    if str(value.get("kind", "")).endswith("List") and isinstance(items, list):
        found = _below(node, "items")
        nodes = found[1].value if found else []
        yield from ((one, its) for one, its in zip(items, nodes, strict=False) if isinstance(one, dict))
    else:
        yield value, node


def _repeated(root: yaml.Node, file: str) -> Iterator[tuple[str, Place]]:
    stack: list[tuple[str, int, yaml.Node]] = [("", 0, root)]
    seen = 0
    while stack:
        path, depth, node = stack.pop()
        seen += 1
        if seen > _MOST_NODES or depth > _MOST_DEPTH:
            raise SpecError(f"{file}: not valid YAML: too many values, or too deep: aliases may not multiply like this")
        if isinstance(node, yaml.MappingNode):
            names: set[str] = set()
            for key, value in node.value:
                name = str(key.value)
                where = f"{path}.{name}".lstrip(".")
                if name in names and name != "<<":
                    yield where, Place(key.start_mark.line + 1, key.start_mark.column + 1)
                names.add(name)
                stack.append((where, depth + 1, value))
        elif isinstance(node, yaml.SequenceNode):
            stack.extend((f"{path}[{index}]", depth + 1, element) for index, element in enumerate(node.value))

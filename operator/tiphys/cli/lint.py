"""`lint`: what is wrong with manifests, with file, line and column, before a cluster sees them.

Source: argo-semantics 23, features 25.
"""

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cyclopts import Parameter

from tiphys.cli.documents import Document, files_below, parse_documents
from tiphys.cli.judge import Fault, is_ours, judge, kinds_named, library_of
from tiphys.cli.session import Where
from tiphys.cli.shelf import stored_library
from tiphys.engine.library import Library
from tiphys.engine.premises import Premises
from tiphys.errors import NotFound, SpecError, TiphysError

Format = Literal["pretty", "simple", "json", "github"]


def lint(  # noqa: PLR0913 as many options as people ask for
    *files: str,
    output: Annotated[Format, Parameter(name=["--output", "-o"])] = "pretty",
    kinds: str = "all",
    offline: bool = False,
    strict: bool = True,
    no_color: bool = False,
    policies: str = "",
    where: Where | None = None,
) -> int:
    """Check manifests of files, folders and `-` (standard input); 1 when one is wrong.

    References to stored templates are looked up in the given files, and in the cluster unless --offline; without a cluster
    that answers, those that are not among the files are believed.

    Args:
        files: Where the manifests are; standard input when there is none.
        output: pretty, simple (one line a fault), json, or github (annotations of a workflow run).
        kinds: Which kinds: all, or some of workflows, workflowtemplates, cronworkflows, ..., with commas.
        offline: Ask no cluster: only templates of the given files exist.
        strict: Unknown fields and repeated keys are faults.
        no_color: Print plain text.
        policies: A file with the administrator's policies, to which workflows and schedules are held instead of the cluster's.
        where: The cluster.
    """
    wanted = kinds_named([] if kinds == "all" else kinds.split(","))
    documents, faults = _read(files)
    mine = [document for document in documents if is_ours(document) and document.kind in wanted]
    library, premises = _circumstances(documents, offline=offline, where=where)
    for document in mine:
        # what a binding submits may be anywhere, as for Argo's linter
        believed = None if offline and document.kind == "WorkflowEventBinding" else library
        faults += judge(document, believed, is_strict=strict, needs_values=False)
    from tiphys.cli.rules import broken, policies_of

    if policies:
        premises = msgspec.structs.replace(premises, policies=policies_of(policies))
    faults += [fault for document in mine for fault in broken(premises, document)]
    if output == "pretty":
        _pretty(faults, no_color=no_color)
    else:
        _PRINTERS[output](faults)
    if output in ("pretty", "simple") and not faults:
        print("✔ no linting errors found!" if mine else "no manifests found to lint")
    return 1 if faults or not mine else 0


def _read(paths: tuple[str, ...]) -> tuple[list[Document], list[Fault]]:
    """All documents that can be read, and a fault for each file that cannot."""
    documents: list[Document] = []
    faults: list[Fault] = []
    for name, text in _texts(paths):
        try:
            documents += parse_documents(name, text)
        except SpecError as e:
            line, column, reason = _taken_apart(e.message.removeprefix(f"{name}:"))
            faults.append(Fault(file=name, kind="", name="", line=line, column=column, path="", reason=reason))
    return documents, faults


def _texts(paths: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for path in paths or ("-",):
        if path == "-":
            yield "stdin", sys.stdin.read()
            continue
        where = Path(path)
        if not where.exists():
            raise NotFound(f"no file {path}")
        for file in files_below(where):
            yield str(file), file.read_text(errors="replace")


def _taken_apart(message: str) -> tuple[int, int, str]:
    """`12:3: reason` as its parts."""
    first, _, rest = message.partition(":")
    second, _, reason = rest.partition(":")
    if first.isdigit() and second.isdigit():
        return int(first), int(second), reason.strip()
    return 1, 1, message.strip()


def _circumstances(documents: list[Document], *, offline: bool, where: Where | None) -> tuple[Library | None, Premises]:
    """Stored templates, None where nobody can be asked; and the administrator's rules."""
    own = library_of(documents)
    if offline:
        return own, Premises(library=own)
    try:
        stored, premises = asyncio.run(_stored(where or Where()))
    except TiphysError:
        # nobody to ask: what the files do not hold is believed
        return None, Premises(library=own)
    both = Library({**stored.specs, **own.specs}, {**stored.faults, **own.faults})
    return both, msgspec.structs.replace(premises, library=both)


async def _stored(where: Where) -> tuple[Library, Premises]:
    """The stored templates of the namespace and the cluster, and the administrator's rules."""
    from tiphys.cli.kept import controller_namespaces
    from tiphys.cluster.api import Api
    from tiphys.cluster.premises import find_premises

    access = where.access
    async with Api(access) as api:
        premises = await find_premises(api, controller_namespaces(where.namespace or access.namespace))
        return await stored_library(api, where.namespace or access.namespace), premises


def _pretty(faults: list[Fault], *, no_color: bool) -> None:
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False, soft_wrap=True, no_color=no_color)
    seen: tuple[str, str] = ("", "")
    for fault in faults:
        title = (fault.file, f"{fault.kind} {fault.name}".strip())
        if title != seen:
            console.print(f"[bold]{escape(fault.file)}[/bold]{':' if title[1] else ''} {escape(title[1])}")
            seen = title
        path = f"[cyan]{escape(fault.path)}[/cyan]: " if fault.path else ""
        console.print(f"  [dim]{fault.line}:{fault.column}[/dim]  [red]✖[/red] {path}{escape(fault.reason)}")
        if fault.hint:
            console.print(f"          [dim]{escape(fault.hint)}[/dim]")
    if faults:
        count = len(faults)
        console.print(f"\n[red]✖[/red] {count} linting error{'s' if count > 1 else ''} found!")


def _line(fault: Fault) -> str:
    hint = f" ({fault.hint})" if fault.hint else ""
    path = f"{fault.path}: " if fault.path else ""
    return f"{path}{fault.reason}{hint}"


def _simple(faults: list[Fault]) -> None:
    for fault in faults:
        print(f"{fault.file}:{fault.line}:{fault.column}: {_line(fault)}")


def _as_json(faults: list[Fault]) -> None:
    print(json.dumps([msgspec.to_builtins(fault) for fault in faults], indent=2, ensure_ascii=False))


def _github(faults: list[Fault]) -> None:
    for fault in faults:
        text = _line(fault).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
        file = fault.file.replace("%", "%25").replace(",", "%2C").replace(":", "%3A")
        print(f"::error file={file},line={fault.line},col={fault.column},title=tiphys lint::{text}")


_PRINTERS: dict[str, Callable[[list[Fault]], None]] = {"simple": _simple, "json": _as_json, "github": _github}

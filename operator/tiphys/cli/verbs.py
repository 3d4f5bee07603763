"""The commands that every kind of stored objects has: create, update, apply, delete, lint.

Source: features 25.
"""

from collections.abc import Callable
from typing import Annotated, NamedTuple

from cyclopts import Parameter

from tiphys.cli import objects
from tiphys.cli.lint import Format
from tiphys.cli.lint import lint as lint_files
from tiphys.cli.listing import Output
from tiphys.cli.objects import Kind
from tiphys.cli.session import Where

Command = Callable[..., int]


class Verbs(NamedTuple):
    """Commands, in the order in which a module of a kind names them."""

    create: Command
    update: Command
    apply: Command
    delete: Command
    lint: Command


def verbs(kind: Kind) -> Verbs:
    """The commands of a kind; their help names it."""

    def sends(do: objects.Work, says: str) -> Command:
        def command(*files: str, output: Output = "", strict: bool = True, where: Where | None = None) -> int:
            return objects.send(kind, files, do, output=output, strict=strict, where=where)

        command.__doc__ = says
        return command

    def delete(*names: str, all_: Annotated[bool, Parameter(name="--all")] = False, where: Where | None = None) -> int:
        return objects.delete(kind, names, all_=all_, where=where)

    def lint(
        *files: str,
        output: Annotated[Format, Parameter(name=["--output", "-o"])] = "pretty",
        offline: bool = False,
        strict: bool = True,
        where: Where | None = None,
    ) -> int:
        return lint_files(*files, output=output, kinds=kind.title, offline=offline, strict=strict, where=where)

    delete.__doc__ = f"Delete {kind.title}s, and what they own with them."
    lint.__doc__ = f"Check {kind.title}s of files; see `tiphys lint`."
    return Verbs(
        sends(objects.create, f"Create {kind.title}s from files, `-` for standard input."),
        sends(objects.update, f"Make stored {kind.title}s what files say."),
        sends(objects.apply, f"Create {kind.title}s from files, or update those that are stored."),
        delete,
        lint,
    )

"""Every command of Argo's command line and each of its flags, as the program itself tells them, against ours."""

import re
import subprocess
from collections.abc import Iterator

import pytest
from tests.e2e.server.client import argo_program

from tiphys.cli.app import app

NOT_OURS = {
    "--argo-server", "--argo-http1", "--argo-base-href", "--header", "--secure", "--insecure-skip-verify",  # commands talk to Kubernetes
    "--gloglevel", "--loglevel", "--log-format", "--verbose",  # commands write no log
}  # fmt: skip
"""Refused as unknown options."""


def told(*command: str) -> str:
    return subprocess.run([argo_program(), *command, "--help"], capture_output=True, text=True, check=True).stdout


def commands(*above: str) -> Iterator[tuple[tuple[str, ...], set[str]]]:
    """Each command that does something, with its own flags, long and short."""
    text = told(*above)
    below = re.findall(r"^  ([a-z-]+) ", text.partition("Available Commands:")[2].partition("\nFlags:")[0], re.MULTILINE)
    for name in below:
        if name != "help":
            yield from commands(*above, name)
    if not below:
        own = text.partition("\nFlags:")[2].partition("\nGlobal Flags:")[0]
        yield above, set(re.findall(r"(?<=\s)--?[a-z][a-zA-Z0-9-]*(?=[ ,])", _names(own))) - {"--help", "-h"}


def _names(flags: str) -> str:
    """The names of the flags, without what is said of them."""
    found = re.findall(r"^ +((?:-\w, )?--[a-z0-9-]+)", flags, re.MULTILINE)
    return "".join(f" {name} " for name in found)


def ours(command: tuple[str, ...]) -> set[str]:
    one = app
    for name in command:
        one = one[name]
    return {name for argument in one.assemble_argument_collection() for name in argument.names}


def test_every_command_of_argos_is_ours_with_its_flags() -> None:
    found = dict(commands())
    assert len(found) > 45
    # `argo node` takes the verb as a word
    missing = {" ".join(command): flags - ours(("node", "set") if command == ("node",) else command) for command, flags in found.items()}
    assert missing.pop("server") <= {"-e"}
    assert {command: flags for command, flags in missing.items() if flags} == {}


@pytest.mark.parametrize("command", ["list", "submit", "cron create", "template list", "archive list", "lint"])
def test_the_flags_of_all_of_argos_commands_are_ours_or_refused(command: str) -> None:
    shown = told(*command.split()).partition("Global Flags:")[2]
    of_all = set(re.findall(r"--[a-z0-9-]+", _names(shown)))
    assert len(of_all) > 25
    takes_instance = {"--instanceid"} if command in ("list", "submit") else set()
    assert of_all - NOT_OURS - {"--instanceid"} | takes_instance <= ours(tuple(command.split()))
    assert not ours(tuple(command.split())) & NOT_OURS

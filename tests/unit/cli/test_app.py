"""All commands by name."""

import importlib
import re

import pytest

from tiphys.cli.app import _COMMANDS, _GROUPS, run

PATHS = [path for path, _ in _COMMANDS.values()] + [
    f"{module}:{function}" for _, module, _, verbs in _GROUPS for function, _ in verbs.values()
]


@pytest.mark.parametrize("path", PATHS)
def test_every_command_is_there_and_says_what_it_does(path: str) -> None:
    module, _, function = path.partition(":")
    assert getattr(importlib.import_module(f"tiphys.cli.{module}"), function).__doc__


@pytest.mark.parametrize("group", ["", *(name for name, *_ in _GROUPS)])
def test_help_says_in_a_line_what_each_command_does(group: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*([group] if group else []), "--help"]) == 0
    lines = re.findall(r"^│ (\S+) +(.*?) *│$", capsys.readouterr().out, re.MULTILINE)
    assert lines
    assert all(says for _, says in lines), lines

import asyncio

import pytest

from tiphys.controller.options import Options
from tiphys.controller.restarting import Restart, check_databases
from tiphys.errors import SpecError
from tiphys.settings import OwnConfiguration, parse_configuration

DATABASE = "postgresql: {host: db, database: d, userNameSecret: {name: s, key: u}, passwordSecret: {name: s, key: p}}"


async def no_secret(_name: str, _key: str) -> str:
    raise AssertionError("nobody logs in")


def restarts(before: dict[str, str], after: dict[str, str], options: Options | None = None) -> bool:
    stop = asyncio.Event()
    restart = Restart(options or Options(), parse_configuration(before), stop)
    restart.configure(parse_configuration(before), OwnConfiguration())
    assert not stop.is_set()
    restart.configure(parse_configuration(after), OwnConfiguration())
    assert stop.is_set() == restart.is_wanted
    return restart.is_wanted


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"instanceID": "x"}),
        ({"namespace": "a"}, {"namespace": "b"}),
        ({}, {"persistence": "{archive: true, " + DATABASE + "}"}),
        ({"persistence": "{archive: true, " + DATABASE + "}"}, {}),
        ({}, {"synchronization": "{" + DATABASE + "}"}),
    ],
)
def test_what_a_controller_is_built_on_begins_it_anew(before: dict[str, str], after: dict[str, str]) -> None:
    assert restarts(before, after)


def test_everything_else_is_taken_without_a_restart_and_so_is_what_the_command_line_decides() -> None:
    assert not restarts({}, {"parallelism": "3", "metricsConfig": "port: 1"})
    assert not restarts({}, {"instanceID": "x", "namespace": "n"}, Options(instance_id="mine", namespace="here"))


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ({"persistence": "archive: true"}, "persistence: archive or nodeStatusOffLoad is set, but no database"),
        ({"persistence": "{archive: true, postgresql: {host: db}}"}, "persistence.postgresql"),
        ({"synchronization": "{" + DATABASE + ", mysql: {host: x}}"}, "synchronization: postgresql and mysql are both set"),
    ],
)
def test_databases_that_cannot_be_are_refused_before_anything_ends(entries: dict[str, str], says: str) -> None:
    with pytest.raises(SpecError, match=says):
        check_databases(parse_configuration(entries), no_secret)


def test_good_databases_and_none_are_let_pass() -> None:
    check_databases(parse_configuration({}), no_secret)
    check_databases(parse_configuration({"persistence": "{archive: true, " + DATABASE + "}"}), no_secret)

"""`sync`: limits of semaphores are set, shown, changed and forgotten, in a ConfigMap and in a database."""

import json
import pathlib

import pytest
from tests.integration.cli.conftest import Shell

from tiphys.archive.database import Database
from tiphys.archive.locks import lock_tables
from tiphys.archive.target import Target
from tiphys.local.objects import Place
from tiphys.settings.database import Synchronization


@pytest.fixture
async def database(tmp_path: pathlib.Path) -> str:
    """A database of locks, as a controller that uses it has made it."""
    file = tmp_path / "locks.db"
    made = Database(Target(kind="sqlite", name=str(file)))
    async with made.transaction() as connection:
        await connection.run_sync(lock_tables(Synchronization()).metadata.create_all)
    await made.close()
    return f"sqlite:///{file}"


async def test_a_limit_is_set_shown_changed_and_forgotten_wherever_it_is(shell: Shell, database: str) -> None:
    for kept in (("--type", "configmap", "--cm-name", "limits"), ("--type", "database", "--database", database)):
        assert (await shell.run("sync", "get", "k", *kept))[0] == 1
        assert (await shell.run("sync", "create", "k", *kept, "--limit", "3"))[:2] == (0, "limit k is 3\n")
        code, _, errors = await shell.run("sync", "create", "k", *kept, "--limit", "4")
        assert (code, "'k' is set" in errors) == (1, True)
        assert (await shell.run("sync", "update", "k", *kept, "--limit", "5"))[0] == 0
        assert (await shell.run("sync", "get", "k", *kept))[:2] == (0, "limit k is 5\n")
        assert (await shell.run("sync", "update", "other", *kept, "--limit", "5"))[0] == 1
        assert (await shell.run("sync", "delete", "k", *kept))[:2] == (0, "limit k deleted\n")
        assert (await shell.run("sync", "get", "k", *kept))[0] == 1
    assert shell.server.store.read(Place("api/v1", "configmaps", "ns", "limits"))["data"] == {}


async def test_what_is_wrong_or_nowhere_is_told_and_sets_nothing(shell: Shell) -> None:
    for arguments, said in (
        (("--type", "configmap", "--limit", "1"), "needs its name"),
        (("--type", "configmap", "--cm-name", "limits", "--limit", "0"), "greater than zero"),
        (("--type", "database", "--limit", "1"), "no database of locks"),
    ):
        code, _, errors = await shell.run("sync", "create", "k", *arguments)
        assert (code, said in errors) == (1, True), errors
    assert shell.server.store.find("api/v1", "configmaps") == []


async def test_the_database_is_the_one_of_the_controllers_configuration(shell: Shell) -> None:
    said = {"postgresql": {"host": "127.0.0.1", "port": 1, "database": "locks", "userNameSecret": {"name": "db", "key": "user"}}}
    meta = {"name": "workflow-controller-configmap"}
    shell.server.store.create(
        Place("api/v1", "configmaps", "argo", meta["name"]), {"metadata": meta, "data": {"synchronization": json.dumps(said)}}
    )
    secret = {"metadata": {"name": "db"}, "data": {"user": "dQ=="}}
    shell.server.store.create(Place("api/v1", "secrets", "argo", "db"), secret)
    code, _, errors = await shell.run("sync", "get", "k", "--type", "database")
    assert (code, "postgresql 127.0.0.1:1/locks" in errors) == (1, True), errors

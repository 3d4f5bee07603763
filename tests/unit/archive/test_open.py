"""The database of the configuration: what is said becomes a target, what cannot be done is refused."""

import json
from typing import Any

import pytest

from tiphys.archive.open import target_of
from tiphys.archive.target import Target
from tiphys.errors import SpecError
from tiphys.settings.read import parse_configuration

SECRET = {"userNameSecret": {"name": "s", "key": "u"}, "passwordSecret": {"name": "s", "key": "p"}}
SERVER = {"host": "db", "database": "argo", **SECRET}


async def secrets(name: str, key: str) -> str:
    return f"{name}/{key}"


def target(**persistence: Any) -> Target | None:
    said = parse_configuration({"persistence": json.dumps(persistence)}).persistence
    assert said is not None
    return target_of(said, secrets)


def test_a_postgresql_as_argo_s_users_describe_it() -> None:
    one = target(
        postgresql={**SERVER, "port": 6432, "tableName": "my_nodes", "ssl": True, "sslMode": "verify-full"},
        connectionPool={"maxIdleConns": 3, "maxOpenConns": 7, "connMaxLifetime": "10m"}, clusterName="east", connectionTimeoutSeconds=9,
    )  # fmt: skip
    assert one is not None
    assert (one.kind, one.host, one.port, one.name, one.offload_table) == ("postgresql", "db", 6432, "argo", "my_nodes")
    assert (one.tls, one.cluster, one.connect_s) == ("verify-full", "east", 9.0)
    assert (one.pool.idle, one.pool.open_, one.pool.lifetime_s) == (3, 7, 600)


def test_a_mysql_as_argo_s_users_describe_it() -> None:
    one = target(mysql={**SERVER, "options": {"parseTime": "true", "tls": "skip-verify"}})
    assert one is not None
    assert (one.kind, one.port, one.tls, one.offload_table) == ("mysql", 3306, "require", "argo_workflows")


def test_nothing_said_is_no_database() -> None:
    assert target(archive=True) is None


@pytest.mark.parametrize(
    ("said", "tls"),
    [({}, "prefer"), ({"ssl": True}, "require"), ({"sslMode": "disable"}, "disable"), ({"sslMode": "allow"}, "prefer")],
)
def test_what_is_not_said_of_encryption_encrypts_where_it_can(said: dict[str, Any], tls: str) -> None:
    one = target(postgresql={**SERVER, **said})
    assert one is not None
    assert one.tls == tls


@pytest.mark.parametrize(
    ("persistence", "path"),
    [
        ({"postgresql": SERVER, "mysql": SERVER}, "persistence"),
        ({"postgresql": {"host": "db", **SECRET}}, "persistence.postgresql"),
        ({"mysql": {"database": "a", **SECRET}}, "persistence.mysql"),
        ({"postgresql": {"host": "db", "database": "a"}}, "persistence.postgresql"),
        ({"postgresql": {**SERVER, "sslMode": "always"}}, "persistence.postgresql.sslMode"),
        ({"mysql": {**SERVER, "options": {"tls": "maybe"}}}, "persistence.mysql.options.tls"),
        ({"mysql": {**SERVER, "options": {"compress": "true"}}}, "persistence.mysql.options"),
        ({"postgresql": {**SERVER, "azureToken": {"enabled": True}, "awsRDSToken": {"enabled": True}}}, "persistence.postgresql"),
    ],
)
def test_what_cannot_be_done_is_refused_by_its_path(persistence: dict[str, Any], path: str) -> None:
    with pytest.raises(SpecError) as error:
        target(**persistence)
    assert error.value.path == path


def test_secrets_are_read_when_a_connection_is_opened() -> None:
    one = target(postgresql=SERVER)
    assert one is not None
    assert one.login is not None
    with pytest.raises(StopIteration) as answer:
        one.login().__await__().__next__()
    assert (answer.value.value.username, answer.value.value.password) == ("s/u", "s/p")

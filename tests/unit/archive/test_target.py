"""Addresses of databases, and that they show no secret."""

import pytest

from tiphys.archive.target import Login, parse_target
from tiphys.errors import SpecError


def test_an_address_names_a_database() -> None:
    target = parse_target("postgres://me:p%40ss@db.example:6000/argo")
    assert (target.kind, target.host, target.port, target.name) == ("postgresql", "db.example", 6000, "argo")
    assert target.login is not None
    with pytest.raises(StopIteration) as answer:
        target.login().__await__().__next__()
    assert answer.value.value.password == "p@ss"  # noqa: S105


@pytest.mark.parametrize(("address", "port"), [("postgresql://h/d", 5432), ("mysql://h/d", 3306), ("mariadb+asyncmy://h/d", 3306)])
def test_a_port_that_is_not_said_is_the_usual_one(address: str, port: int) -> None:
    assert parse_target(address).port == port


def test_a_file_is_sqlite() -> None:
    assert parse_target("sqlite:////var/lib/a.db").name == "/var/lib/a.db"
    assert parse_target("sqlite:///a.db").name == "a.db"


@pytest.mark.parametrize("address", ["", "oracle://h/d", "postgresql://h", "postgresql:///d", "mysql://h:port/d"])
def test_an_address_that_names_none_is_refused(address: str) -> None:
    with pytest.raises(SpecError, match="database"):
        parse_target(address)


def test_no_representation_shows_a_password() -> None:
    assert "s3cret" not in repr(Login("me", "s3cret"))
    assert "s3cret" not in repr(parse_target("postgresql://me:s3cret@h/d"))
    assert "s3cret" not in parse_target("postgresql://me:s3cret@h/d").label

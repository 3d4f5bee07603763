"""Signed addresses for RDS, by AWS' published algorithm worked through step by step."""

import hashlib
import hmac
from datetime import UTC, datetime

from tiphys.archive.tokens import sign_rds

NOW = datetime(2026, 3, 1, 12, 30, 5, tzinfo=UTC)


def test_a_token_names_who_and_until_when_and_ends_with_its_signature() -> None:
    token = sign_rds("db.example:5432", "argo user", "eu-west-1", ("AKID", "secret", ""), NOW)
    address, _, signature = token.partition("&X-Amz-Signature=")
    assert address == (
        "db.example:5432/?Action=connect&DBUser=argo%20user&X-Amz-Algorithm=AWS4-HMAC-SHA256"
        "&X-Amz-Credential=AKID%2F20260301%2Feu-west-1%2Frds-db%2Faws4_request&X-Amz-Date=20260301T123005Z&X-Amz-Expires=900"
        "&X-Amz-SignedHeaders=host"
    )
    key = b"AWS4secret"
    for part in (b"20260301", b"eu-west-1", b"rds-db", b"aws4_request"):
        key = hmac.new(key, part, hashlib.sha256).digest()
    request = f"GET\n/\n{address.partition('?')[2]}\nhost:db.example:5432\n\nhost\n{hashlib.sha256(b'').hexdigest()}"
    text = f"AWS4-HMAC-SHA256\n20260301T123005Z\n20260301/eu-west-1/rds-db/aws4_request\n{hashlib.sha256(request.encode()).hexdigest()}"
    assert signature == hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def test_a_session_s_token_is_part_of_what_is_signed() -> None:
    token = sign_rds("h:1", "u", "r", ("A", "s", "a/b+c="), NOW)
    assert "&X-Amz-Security-Token=a%2Fb%2Bc%3D&" in token
    assert token != sign_rds("h:1", "u", "r", ("A", "s", ""), NOW)

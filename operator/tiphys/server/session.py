"""Sessions of who signed in: claims in a sealed token that only the servers can read; none of them has to remember anything.

Source: features, "Auth mode sso"; RFC 7516 (JWE, direct encryption with AES-256-GCM).
"""

import hashlib
import secrets
from collections.abc import Callable
from datetime import timedelta

import msgspec
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from tiphys.errors import SpecError
from tiphys.model.base import Json

PREFIX = "v2:"
"""How a session's token begins, after `Bearer `."""
_HEADER = {"alg": "dir", "enc": "A256GCM", "zip": "DEF"}
_MAX_BYTES = 3800
"""Browsers keep cookies of 4096 bytes, name and attributes included."""


class Sessions:
    """Seals and opens tokens.

    Args:
        secret: What all replicas of the server share; empty for a key of this process alone.
        clock: Gives Unix seconds.
    """

    def __init__(self, secret: str, clock: Callable[[], float]) -> None:
        material = secret.encode() or secrets.token_bytes(32)
        self._key = OctKey.import_key(hashlib.sha256(material).digest())
        self._clock = clock

    def seal(self, purpose: str, claims: Json, lasts: timedelta) -> str:
        """A token that opens for the same purpose only, and for so long.

        Raises:
            SpecError: It would be too long for a cookie.
        """
        content = msgspec.json.encode({**claims, "exp": int(self._clock() + lasts.total_seconds()), "for": purpose})
        sealed = jwe.encrypt_compact(_HEADER, content, self._key)
        if len(sealed) > _MAX_BYTES:
            raise SpecError(
                f"the claims of this user need {len(sealed)} bytes, and a cookie holds {_MAX_BYTES}",
                hint="keep the groups that rules ask about: filterGroupsRegex",
            )
        return sealed

    def open(self, purpose: str, token: str) -> Json | None:
        """The claims; None when it is none of ours, of another purpose, or over."""
        try:
            content = jwe.decrypt_compact(token, self._key, algorithms=["dir", "A256GCM", "DEF"]).plaintext
            claims: Json = msgspec.json.decode(content or b"null", type=dict)
        except (JoseError, msgspec.DecodeError, ValueError):
            return None
        if claims.get("for") != purpose or not isinstance(claims.get("exp"), int) or claims["exp"] <= self._clock():
            return None
        return {name: value for name, value in claims.items() if name != "for"}

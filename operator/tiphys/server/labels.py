"""Labels that say who made or changed a workflow, as far as the token of who asks says who that is.

The token is read, not verified: it was or will be by the cluster, which is asked with it.

Source: argo-semantics 2 (labels), features 25 (creator labels).
"""

import base64
import binascii
import re
from typing import Any

import msgspec

from tiphys.cluster.api import Api
from tiphys.model.base import Json
from tiphys.model.names import PREFIX
from tiphys.server.subject import CallersApi

_LONGEST = 63
_STRANGE = re.compile(r"[^-_.A-Za-z0-9]")


def claims_of(api: Api) -> Json:
    """What is said of a connection's owner by who signed him in, else by his token; nothing where it is no JSON web token."""
    if isinstance(api, CallersApi) and api.claims:
        return api.claims
    token = api.access.token() if api.access.token else ""
    parts = (token or "").split(".")
    if len(parts) != 3:
        return {}
    try:
        said = msgspec.json.decode(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (msgspec.DecodeError, binascii.Error, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def label_of(text: str) -> str:
    """A text as the value of a label: strange letters become `-`, of a long one the end is kept."""
    return _STRANGE.sub("-", text)[-_LONGEST:].strip("-_.")


def _labels(word: str, claims: Json) -> dict[str, str]:
    said = {
        word: claims.get("sub"),
        f"{word}-email": str(claims.get("email") or "").replace("@", ".at.", 1),
        f"{word}-preferred-username": claims.get("preferred_username"),
    }
    return {PREFIX + key: label for key, text in said.items() if text and (label := label_of(str(text)))}


def created_by(claims: Json, manifest: Json) -> Json:
    """A new object with the labels of who makes it; what it says of that itself does not count."""
    meta: dict[str, Any] = dict(manifest.get("metadata") or {})
    own = {key: text for key, text in (meta.get("labels") or {}).items() if not key.startswith(f"{PREFIX}creator")}
    labels = {**own, **_labels("creator", claims)}
    return {**manifest, "metadata": {**meta, **({"labels": labels} if labels else {})}}


def acted_by(claims: Json, action: str) -> dict[str, str]:
    """The labels of who changes an object; none for who is not known."""
    found = _labels("actor", claims)
    return {**found, f"{PREFIX}action": action} if found else {}

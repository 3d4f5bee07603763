"""Events that are signed instead of sent with a token: who signs acts as the service account that his secret is kept for.

Source: rest-and-clients 1.5, "Webhooks"; features 16; the senders' documentation of their signatures.
"""

import base64
import hashlib
import hmac
import logging
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import yaml

from tiphys.cluster.api import Api
from tiphys.cluster.connection import Access
from tiphys.errors import Forbidden, NotFound
from tiphys.server.accounts import Accounts

log = logging.getLogger(__name__)
PATH = "/api/v1/events/"
SECRET = "argo-workflows-webhook-clients"  # noqa: S105 its name
REFUSAL = "failed to process webhook request"
_HUB, _HUB_256, _GITLAB, _HOOK = "x-hub-signature", "x-hub-signature-256", "x-gitlab-token", "x-hook-uuid"
Headers = Mapping[str, str]


def is_signed(path: str, headers: Headers) -> bool:
    """Whether a request is an event that somebody signed."""
    if not path.startswith(PATH) or headers.get("authorization"):
        return False
    return any(name in headers for name in (_HUB, _HUB_256, _GITLAB, _HOOK))


def _same(said: str, expected: str) -> bool:
    return hmac.compare_digest(said.encode(), expected.encode())


def _hub(secret: str, headers: Headers, body: bytes) -> bool:
    """The strongest signature that was sent; `sha1=` and `sha256=` name how it is made."""
    said = headers.get(_HUB_256) or headers.get(_HUB, "")
    kind, _, _ = said.partition("=")
    if kind not in ("sha1", "sha256"):
        return False
    return _same(said, f"{kind}={hmac.new(secret.encode(), body, getattr(hashlib, kind)).hexdigest()}")


def _gitlab(secret: str, headers: Headers, _body: bytes) -> bool:
    return _same(headers.get(_GITLAB, ""), secret)


def _bitbucket(secret: str, headers: Headers, body: bytes) -> bool:
    return _hub(secret, headers, body) if _HUB in headers else _same(headers.get(_HOOK, ""), secret)


_CHECKS: Mapping[str, Callable[[str, Headers, bytes], bool]] = {
    "github": _hub, "gitlab": _gitlab, "bitbucket": _bitbucket, "bitbucketserver": _hub,
}  # fmt: skip


class Webhooks:
    """The senders of a namespace, as its Secret knows them.

    Args:
        access: The server's own way to the cluster.
        accounts: Gives tokens of service accounts.
    """

    def __init__(self, access: Access, accounts: Accounts) -> None:
        self._access, self._accounts = access, accounts

    async def token(self, namespace: str, headers: Headers, body: bytes) -> str:
        """The token of the service account whose secret signed the event.

        Raises:
            Forbidden: None did.
        """
        async with Api(self._access) as api:
            try:
                found = msgspec.json.decode(await api.read("Secret", namespace, SECRET))
            except (NotFound, Forbidden) as e:
                log.warning("a signed event for namespace %s: %s", namespace, e.message)
                raise Forbidden(REFUSAL) from e
        for account, content in sorted((found.get("data") or {}).items()):
            kind, secret = _sender(account, content)
            check = _CHECKS.get(kind)
            # an empty secret is none: everybody could sign with it
            if check is not None and secret and check(secret, headers, body):
                return await self._accounts.token(namespace, account)
        raise Forbidden(REFUSAL)


def _sender(account: str, content: str) -> tuple[str, str]:
    """Type and secret of a sender; one that cannot be read is nobody's."""
    try:
        said: Any = yaml.safe_load(base64.b64decode(content))
        kind, secret = str(said["type"]), str(said["secret"])
    except (ValueError, yaml.YAMLError, TypeError, KeyError):
        log.warning("Secret %s: %r has no type and secret", SECRET, account)
        return "", ""
    if kind not in _CHECKS:
        log.warning("Secret %s: %r has type %r, not one of %s", SECRET, account, kind, ", ".join(_CHECKS))
    return kind, secret

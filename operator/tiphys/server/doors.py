"""The gate as the configuration wants it: with sign-in or without.

Source: features, rows "Auth mode" and "sso".
"""

import base64
import time
from collections.abc import Mapping

import msgspec

from tiphys.cluster.api import Api
from tiphys.errors import NotFound, SpecError
from tiphys.model.base import KeySelector
from tiphys.server.accounts import Accounts
from tiphys.server.provider import Client, Provider
from tiphys.server.session import Sessions
from tiphys.server.sign_in import SignIn
from tiphys.server.subject import Gate, Mode
from tiphys.server.webhooks import Webhooks
from tiphys.settings.sign_in import SSO

SESSION_KEY = "TIPHYS_SESSION_KEY"
"""The variable with what all replicas seal sessions with; without it sessions end with the process."""


async def open_gate(
    api: Api, modes: frozenset[Mode], namespace: str, sso: SSO | None, environment: Mapping[str, str], base: str = "/"
) -> tuple[Gate, SignIn | None]:
    """The gate, and where people sign in if they do.

    Args:
        api: The server's own connection.
        modes: Whose rights count.
        namespace: The only one to serve; empty for all.
        sso: The configuration's block.
        environment: Variables.
        base: The path below which browsers see the server.

    Raises:
        SpecError: Mode `sso` is chosen, and the configuration does not say how.
        NotFound: A Secret that it names is not there.
    """
    webhooks = Webhooks(api.access, Accounts(api.access, api.access.namespace))
    if "sso" not in modes:
        return Gate(access=api.access, modes=modes, namespace=namespace, webhooks=webhooks), None
    if sso is None or not sso.issuer:
        raise SpecError("auth mode sso is chosen, and no provider is named", path="sso.issuer")
    client = Client(await _secret(api, sso.client_id, "sso.clientId"), await _secret(api, sso.client_secret, "sso.clientSecret"))
    sessions = Sessions(environment.get(SESSION_KEY, ""), time.time)  # noqa: TID251 sessions end by the wall's clock
    accounts = None
    if sso.rbac is not None and sso.rbac.enabled:
        delegates = environment.get("SSO_DELEGATE_RBAC_TO_NAMESPACE") == "true" and not namespace
        accounts = Accounts(api.access, api.access.namespace, delegates=delegates)
    sign_in = SignIn(
        provider=Provider(sso, client, time.time), sessions=sessions, redirect_url=sso.redirect_url,  # noqa: TID251 as above
        lasts=sso.session_expiry, base=base,
    )  # fmt: skip
    gate = Gate(access=api.access, modes=modes, namespace=namespace, sessions=sessions, accounts=accounts, webhooks=webhooks)
    return gate, sign_in


async def _secret(api: Api, selector: KeySelector | None, path: str) -> str:
    if selector is None or not selector.name or not selector.key:
        raise SpecError("a Secret and a key are needed", path=path)
    found = msgspec.json.decode(await api.read("Secret", api.access.namespace, selector.name))
    content = (found.get("data") or {}).get(selector.key)
    if not content:
        raise NotFound(f"Secret {selector.name} has no key {selector.key!r}", hint=f"{path} names it")
    return base64.b64decode(content).decode().strip()

"""Single sign-on: the server's `sso` block. Secrets are named here, not held."""

from datetime import timedelta

import msgspec

from tiphys.model.base import KeySelector
from tiphys.settings.base import Duration, Settings


class SSORBAC(Settings, frozen=True):
    """Whether service accounts decide what a user may do."""

    enabled: bool = False
    secret_whitelist: tuple[str, ...] = ()


class SSO(Settings, frozen=True):
    """An OpenID Connect provider."""

    issuer: str = ""
    issuer_alias: str = ""
    client_id: KeySelector | None = None
    client_secret: KeySelector | None = None
    redirect_url: str = ""
    rbac: SSORBAC | None = None
    scopes: tuple[str, ...] = ()
    session_expiry: Duration = timedelta(hours=10)
    custom_group_claim_name: str = ""
    user_info_path: str = ""
    insecure_skip_verify: bool = False
    filter_groups_regex: tuple[str, ...] = ()
    root_ca: str = msgspec.field(default="", name="rootCA")

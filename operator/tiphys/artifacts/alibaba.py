"""What an executor's own environment signs in with at Alibaba Cloud: keys, or a token of the service account for a role.

Source: Argo's field documentation of `OSSArtifact.useSDKCreds`; Alibaba Cloud, "AssumeRoleWithOIDC", version 2015-04-01.
Differs from Argo: of the places where Alibaba's library looks, these two; not files with profiles, nor the role of the machine.
"""

import os
import time
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import msgspec

from tiphys.artifacts.web import Client
from tiphys.errors import InvalidManifest, SpecError
from tiphys.model.base import UNREADABLE

_STS = "sts.aliyuncs.com"
_PREFIX = "ALIBABA_CLOUD_"


class _Credentials(msgspec.Struct, rename="pascal"):
    access_key_id: str
    access_key_secret: str
    security_token: str
    expiration: str


class _Answer(msgspec.Struct, rename="pascal"):
    credentials: _Credentials


def credentials_of_environment(client: Client) -> dict[str, Any]:
    """Credentials as obstore takes them, with the time until they hold where that is known.

    Raises:
        SpecError: There is nothing to sign in with.
        Forbidden, InvalidManifest, Unavailable: The token service says no.
    """
    key, secret, token = (_said(name) for name in ("ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "SECURITY_TOKEN"))
    if key and secret:
        return {"access_key_id": key, "secret_access_key": secret, "token": token or None, "expires_at": None}
    role, provider, file = (_said(name) for name in ("ROLE_ARN", "OIDC_PROVIDER_ARN", "OIDC_TOKEN_FILE"))
    if not (role and provider and file):
        raise SpecError(
            f"there is nothing to sign in with: neither {_PREFIX}ACCESS_KEY_ID with its secret nor an identity token",
            path="oss.useSDKCreds", hint="let the service account take a RAM role (RRSA)",
        )  # fmt: skip
    form = {
        "Action": "AssumeRoleWithOIDC", "Version": "2015-04-01", "Format": "JSON", "SignatureNonce": uuid4().hex,
        "Timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "RoleArn": role, "OIDCProviderArn": provider,
        "OIDCToken": Path(file).read_text().strip(), "RoleSessionName": _said("ROLE_SESSION_NAME") or "tiphys",
    }  # fmt: skip
    host = _said("STS_ENDPOINT") or _STS
    url = host if "://" in host else f"https://{host}/"
    answer = client.read("POST", url, {"Content-Type": "application/x-www-form-urlencoded"}, urlencode(form).encode())
    try:
        taken = msgspec.json.decode(answer, type=_Answer).credentials
    except UNREADABLE as e:
        raise InvalidManifest(f"the token service answers without credentials: {e}") from e
    return {
        "access_key_id": taken.access_key_id,
        "secret_access_key": taken.access_key_secret,
        "token": taken.security_token,
        "expires_at": datetime.fromisoformat(taken.expiration),
    }


def _said(name: str) -> str:
    return os.environ.get(_PREFIX + name, "")

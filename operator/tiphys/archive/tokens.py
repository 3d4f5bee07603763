"""Short-lived passwords from clouds: AWS RDS and Azure. Each connection asks for a new one.

Source: AWS' documents on signing requests (version 4) and on IAM authentication of RDS; Microsoft's on workload identity.
"""

import asyncio
import hashlib
import hmac
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp

from tiphys.errors import Forbidden, Unavailable

_AZURE_SCOPE = "https://ossrdbms-aad.database.windows.net/.default"
_LIMIT = aiohttp.ClientTimeout(total=15)
_EXPIRES = 900


async def rds_token(host: str, port: int, username: str, region: str) -> str:
    """A password for RDS: a signed address, valid for 15 minutes.

    Raises:
        Forbidden: There are no credentials of AWS, neither in the environment nor by a web identity.
        Unavailable: AWS does not answer.
    """
    region = region or os.environ.get("AWS_REGION", "") or os.environ.get("AWS_DEFAULT_REGION", "")
    key, secret, session = await _aws_credentials(region)
    now = datetime.now(UTC)  # noqa: TID251 a signature is of its moment
    return sign_rds(f"{host}:{port}", username, region, (key, secret, session), now)


def sign_rds(endpoint: str, username: str, region: str, credentials: tuple[str, str, str], now: datetime) -> str:
    """The signed address; `credentials` are key id, secret key, and session token or nothing."""
    key, secret, session = credentials
    day, stamp = now.strftime("%Y%m%d"), now.strftime("%Y%m%dT%H%M%SZ")
    scope = f"{day}/{region}/rds-db/aws4_request"
    query = {
        "Action": "connect",
        "DBUser": username,
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{key}/{scope}",
        "X-Amz-Date": stamp,
        "X-Amz-Expires": str(_EXPIRES),
        **({"X-Amz-Security-Token": session} if session else {}),
        "X-Amz-SignedHeaders": "host",
    }
    text = "&".join(f"{name}={quote(query[name], safe='-_.~')}" for name in sorted(query))
    request = "\n".join(("GET", "/", text, f"host:{endpoint}", "", "host", hashlib.sha256(b"").hexdigest()))
    to_sign = "\n".join(("AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(request.encode()).hexdigest()))
    signing = f"AWS4{secret}".encode()
    for part in (day, region, "rds-db", "aws4_request"):
        signing = hmac.digest(signing, part.encode(), "sha256")
    return f"{endpoint}/?{text}&X-Amz-Signature={hmac.digest(signing, to_sign.encode(), 'sha256').hex()}"


async def _aws_credentials(region: str) -> tuple[str, str, str]:
    known = (os.environ.get("AWS_ACCESS_KEY_ID", ""), os.environ.get("AWS_SECRET_ACCESS_KEY", ""))
    if all(known):
        return (*known, os.environ.get("AWS_SESSION_TOKEN", ""))
    role, file = os.environ.get("AWS_ROLE_ARN", ""), os.environ.get("AWS_WEB_IDENTITY_TOKEN_FILE", "")
    if not role or not file:
        raise Forbidden("no credentials of AWS", hint="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the pod a role")
    query = {
        "Action": "AssumeRoleWithWebIdentity",
        "Version": "2011-06-15",
        "RoleArn": role,
        "RoleSessionName": "tiphys",
        "WebIdentityToken": (await asyncio.to_thread(Path(file).read_text)).strip(),
    }
    address = os.environ.get("AWS_ENDPOINT_URL_STS", f"https://sts.{region}.amazonaws.com")
    answer = await _post(address, query)
    got = answer["AssumeRoleWithWebIdentityResponse"]["AssumeRoleWithWebIdentityResult"]["Credentials"]
    return got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"]


async def azure_token(scope: str) -> str:
    """A password for Azure's databases, by the pod's workload identity.

    Raises:
        Forbidden: The pod has none.
        Unavailable: Azure does not answer.
    """
    client, tenant = os.environ.get("AZURE_CLIENT_ID", ""), os.environ.get("AZURE_TENANT_ID", "")
    file = os.environ.get("AZURE_FEDERATED_TOKEN_FILE", "")
    if not client or not tenant or not file:
        raise Forbidden("no workload identity of Azure", hint="AZURE_CLIENT_ID, AZURE_TENANT_ID, AZURE_FEDERATED_TOKEN_FILE")
    form = {
        "grant_type": "client_credentials",
        "client_id": client,
        "scope": scope or _AZURE_SCOPE,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": (await asyncio.to_thread(Path(file).read_text)).strip(),
    }
    host = os.environ.get("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.com/").rstrip("/")
    answer = await _post(f"{host}/{tenant}/oauth2/v2.0/token", form)
    return str(answer["access_token"])


async def _post(address: str, form: dict[str, str]) -> Any:
    try:
        async with aiohttp.ClientSession(timeout=_LIMIT) as session, session.post(
            address, data=form, headers={"Accept": "application/json"}, allow_redirects=False
        ) as answer:  # fmt: skip
            if answer.status >= 500:
                raise Unavailable(f"the cloud's sign-in answers HTTP {answer.status}")
            if answer.status >= 300:
                raise Forbidden(f"the cloud's sign-in refuses: HTTP {answer.status}")
            return await answer.json(content_type=None)
    except (aiohttp.ClientError, TimeoutError, OSError) as e:
        raise Unavailable(f"the cloud's sign-in does not answer: {type(e).__name__}") from e

"""Google Cloud Storage and Azure storage."""

import json
from typing import Any
from urllib.parse import urlsplit

from tiphys.artifacts.guard import look_at
from tiphys.artifacts.objects import RETRY, ObjectDriver, client_options, told
from tiphys.artifacts.secrets import SecretReader, text_of
from tiphys.errors import SpecError
from tiphys.model.locations import AzureArtifact, GCSArtifact

_GOOGLE = "https://storage.googleapis.com"


def open_gcs(place: GCSArtifact, secrets: SecretReader) -> ObjectDriver:
    """The driver of a bucket in Google Cloud Storage; without a key the environment's own identity is used.

    Raises:
        SpecError: A field is missing, or the key is none.
    """
    from obstore.store import GCSStore

    if not place.bucket:
        raise SpecError("is required", path="gcs.bucket")
    key = text_of(secrets, place.service_account_key_secret)
    settings: Any = {"service_account_key": key} if key else {}
    is_plain = '"http://' in key
    look_at(_base_of(key))
    with told():
        return ObjectDriver(
            GCSStore(place.bucket, client_options=client_options(insecure=is_plain), retry_config=RETRY, **settings)  # type: ignore[arg-type]
        )


def _base_of(key: str) -> str:
    """Where a key says that the service is; Google's own place where it says nothing, or is none (which its store then tells)."""
    try:
        said = json.loads(key)
    except ValueError:
        return _GOOGLE
    base = said.get("gcs_base_url") if isinstance(said, dict) else None
    return base if isinstance(base, str) else _GOOGLE


def open_azure(place: AzureArtifact, secrets: SecretReader) -> ObjectDriver:
    """The driver of a container in Azure storage; without a key the environment's own identity is used.

    Raises:
        SpecError: A field is missing.
    """
    from obstore.store import AzureStore

    for field in ("endpoint", "container"):
        if not getattr(place, field):
            raise SpecError("is required", path=f"azure.{field}")
    parts = urlsplit(place.endpoint if "://" in place.endpoint else f"https://{place.endpoint}")
    # https://ACCOUNT.blob.core.windows.net, or http://127.0.0.1:10000/ACCOUNT as emulators have it
    account = parts.path.strip("/").split("/")[0] or (parts.hostname or "").split(".")[0]
    settings: Any = {"account_name": account, "endpoint": parts.geturl().rstrip("/")}
    key = "" if place.use_sdk_creds else text_of(secrets, place.account_key_secret)
    if key:
        settings["account_key"] = key
    look_at(settings["endpoint"])
    options = client_options(insecure=parts.scheme == "http")
    with told():
        return ObjectDriver(AzureStore(place.container, client_options=options, retry_config=RETRY, **settings))  # type: ignore[arg-type]

"""What a user says instead of a kubeconfig: kubectl's connection flags."""

from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from tiphys.errors import NotFound, SpecError


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """Which parts of a kubeconfig count, and what stands in their place; empty for what it says.

    Attributes:
        context: Instead of its current context.
        cluster: By its name, instead of the context's.
        user: By its name, instead of the context's.
        server: Address of the API server.
        token: Bearer token; no other way to say who we are counts then.
        certificate_authority: File.
        client_certificate: File.
        client_key: File.
        username: Of basic authentication; no other way to say who we are counts then.
        password: Of that user.
        is_insecure: The server's certificate is not checked; None for what the kubeconfig says.
        tls_server_name: Whose certificate the server shows, where that is not the host of its address.
        proxy_url: Who is asked to reach the server.
        is_plain: Answers are to come without compression.
        timeout: So many seconds a request may take, 0 for any; None for the usual.
        as_user: On whose behalf: who we are must be allowed to impersonate.
        as_groups: Groups of that user.
        as_uid: Uid of that user.
    """

    context: str = ""
    cluster: str = ""
    user: str = ""
    server: str = ""
    token: str = ""
    certificate_authority: str = ""
    client_certificate: str = ""
    client_key: str = ""
    username: str = ""
    password: str = ""
    is_insecure: bool | None = None
    tls_server_name: str = ""
    proxy_url: str = ""
    is_plain: bool = False
    timeout: float | None = None
    as_user: str = ""
    as_groups: tuple[str, ...] = ()
    as_uid: str = ""

    @property
    def is_for_another(self) -> bool:
        """Whether somebody is named on whose behalf requests are made."""
        return bool(self.as_user or self.as_groups or self.as_uid)

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """What every request says besides: Kubernetes' headers of impersonation, and whether answers may be compressed.

        Raises:
            SpecError: Groups or a uid of nobody.
        """
        if not self.as_user and (self.as_groups or self.as_uid):
            raise SpecError("--as-group and --as-uid say more of whom --as names", hint="add --as USER")
        said = (("Impersonate-User", self.as_user), ("Impersonate-Uid", self.as_uid),
                ("Accept-Encoding", "identity" if self.is_plain else ""))  # fmt: skip
        return (*(pair for pair in said if pair[1]), *(("Impersonate-Group", group) for group in self.as_groups))


def checked_proxy(url: str) -> str:
    """A proxy's address.

    Raises:
        SpecError: It is none, or of a kind that is not spoken here.
    """
    parts = urlsplit(url)
    if url and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise SpecError(f"{url!r} is no address of a proxy", path="--proxy-url", hint="http://HOST:PORT or https://HOST:PORT")
    return url


def content(path: str) -> bytes:
    """What a file that a flag names holds.

    Raises:
        NotFound: It cannot be read.
    """
    try:
        return Path(path).expanduser().read_bytes() if path else b""
    except OSError as e:
        raise NotFound(f"{path} cannot be read: {e.strerror}") from e

"""What a user says instead of a kubeconfig: kubectl's connection flags."""

from pathlib import Path

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
        is_insecure: The server's certificate is not checked; None for what the kubeconfig says.
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
    is_insecure: bool | None = None
    as_user: str = ""
    as_groups: tuple[str, ...] = ()
    as_uid: str = ""

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """Kubernetes' headers of impersonation.

        Raises:
            SpecError: Groups or a uid of nobody.
        """
        if not self.as_user and (self.as_groups or self.as_uid):
            raise SpecError("--as-group and --as-uid say more of whom --as names", hint="add --as USER")
        said = (("Impersonate-User", self.as_user), ("Impersonate-Uid", self.as_uid))
        return (*(pair for pair in said if pair[1]), *(("Impersonate-Group", group) for group in self.as_groups))


def content(path: str) -> bytes:
    """What a file that a flag names holds.

    Raises:
        NotFound: It cannot be read.
    """
    try:
        return Path(path).expanduser().read_bytes() if path else b""
    except OSError as e:
        raise NotFound(f"{path} cannot be read: {e.strerror}") from e

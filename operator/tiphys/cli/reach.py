"""kubectl's connection flags, as Argo's commands have them."""

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Group, Parameter

from tiphys.cluster.choice import Choice
from tiphys.errors import SpecError, TiphysError
from tiphys.expr.times import parse_go_duration

_GROUP = Group("Connection", help="What counts instead of what the kubeconfig says, as with kubectl.", sort_key=1)


@Parameter(name="*", group=_GROUP)
@dataclass(kw_only=True)
class Reach:
    """Instead of what the kubeconfig says.

    Attributes:
        context: Of the kubeconfig.
        cluster: Of the kubeconfig.
        user: Of the kubeconfig.
        server: Address of the API server.
        token: Bearer token.
        certificate_authority: File with the authority of the API server's certificate.
        client_certificate: File.
        client_key: File.
        username: Of basic authentication.
        password: Of that user.
        insecure_skip_tls_verify: The API server's certificate is not checked.
        tls_server_name: Whose certificate the API server shows, where that is not the host of its address.
        proxy_url: The HTTP proxy that reaches the API server.
        disable_compression: Answers come as they are.
        request_timeout: How long one request may take, as `30` (seconds), `1m30s`; 0 for any time.
        as_: On whose behalf.
        as_group: Groups of that user.
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
    insecure_skip_tls_verify: bool | None = None
    tls_server_name: str = ""
    proxy_url: str = ""
    disable_compression: Annotated[bool, Parameter(negative="")] = False
    request_timeout: str = ""
    as_: Annotated[str, Parameter(name="--as")] = ""
    as_group: tuple[str, ...] = ()
    as_uid: str = ""

    @property
    def choice(self) -> Choice:
        """The same, in the words of the cluster's layer.

        Raises:
            SpecError: The time that a request may take is none.
        """
        return Choice(
            context=self.context, cluster=self.cluster, user=self.user, server=self.server, token=self.token,
            certificate_authority=self.certificate_authority, client_certificate=self.client_certificate,
            client_key=self.client_key, is_insecure=self.insecure_skip_tls_verify, as_user=self.as_,
            as_groups=tuple(self.as_group), as_uid=self.as_uid, username=self.username, password=self.password,
            tls_server_name=self.tls_server_name, proxy_url=self.proxy_url, is_plain=self.disable_compression,
            timeout=_seconds(self.request_timeout),
        )  # fmt: skip


def _seconds(text: str) -> float | None:
    if not text:
        return None
    try:
        return float(text) if text.isascii() and text.isdigit() else max(0.0, parse_go_duration(text).total_seconds())
    except TiphysError as e:
        raise SpecError(e.message, path="--request-timeout", hint="seconds, or a time such as 1m30s") from e

"""kubectl's connection flags, as Argo's commands have them."""

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Group, Parameter

from tiphys.cluster.choice import Choice

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
        insecure_skip_tls_verify: The API server's certificate is not checked.
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
    insecure_skip_tls_verify: bool | None = None
    as_: Annotated[str, Parameter(name="--as")] = ""
    as_group: tuple[str, ...] = ()
    as_uid: str = ""

    @property
    def choice(self) -> Choice:
        """The same, in the words of the cluster's layer."""
        return Choice(
            context=self.context, cluster=self.cluster, user=self.user, server=self.server, token=self.token,
            certificate_authority=self.certificate_authority, client_certificate=self.client_certificate,
            client_key=self.client_key, is_insecure=self.insecure_skip_tls_verify, as_user=self.as_,
            as_groups=tuple(self.as_group), as_uid=self.as_uid,
        )  # fmt: skip

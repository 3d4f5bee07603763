"""`auth token`: what `Authorization` must say for the server to act with one's own rights."""

from tiphys.cli.session import Where
from tiphys.cluster.connection import find_access
from tiphys.errors import Unauthorized


def token(where: Where | None = None) -> int:
    """Print the token of the kubeconfig, as the header `Authorization` wants it."""
    chosen = where or Where()
    access = find_access(chosen.kubeconfig, chosen.context)
    if access.token is None:
        raise Unauthorized(
            "the kubeconfig has no token, but a certificate", hint="kubectl create token ACCOUNT gives one of a service account"
        )
    print(f"Bearer {access.token()}")
    return 0

"""`auth token`: what `Authorization` must say for the server to act with one's own rights."""

from tiphys.cli.session import Where
from tiphys.errors import Unauthorized


def token(where: Where | None = None) -> int:
    """Print the token of the kubeconfig, as the header `Authorization` wants it."""
    access = (where or Where()).access
    if access.token is None:
        raise Unauthorized(
            "the kubeconfig has no token, but a certificate", hint="kubectl create token ACCOUNT gives one of a service account"
        )
    print(f"Bearer {access.token()}")
    return 0

"""Who asks, and the connection that has exactly his rights. Nothing of the cluster is read without one.

Source: rest-and-clients 1.2, "Auth".
"""

from typing import Literal
from urllib.parse import urlsplit

import msgspec

from tiphys.cluster.api import Api
from tiphys.cluster.connection import Access
from tiphys.errors import Forbidden, Unauthorized

Mode = Literal["client", "server"]


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """Lets requests in.

    Attributes:
        access: The server's own way to the cluster.
        modes: Whose rights count: the caller's (`client`), or the server's own (`server`) for who shows no token.
        namespace: The only one that may be asked about; empty for all.
    """

    access: Access
    modes: frozenset[Mode]
    namespace: str = ""

    def connect(self, authorization: str, cookie: str, *, is_read: bool) -> Api:
        """A connection for one request. A cookie counts for reads only, so that no foreign page can change anything.

        Raises:
            Unauthorized: There is no token, and the server lends its own to nobody.
        """
        text = authorization or (cookie if is_read else "")
        scheme, _, token = text.partition(" ")
        if "client" in self.modes and scheme.lower() == "bearer" and token.strip():
            # the server's certificate and token stay behind: only the caller's token goes with his requests
            own = self.access
            return Api(Access(server=own.server, token=token.strip, ca=own.ca, is_insecure=own.is_insecure))
        if "server" in self.modes:
            return Api(self.access)
        raise Unauthorized("token not valid. see https://argo-workflows.readthedocs.io/en/latest/faq/")

    @staticmethod
    def refuse_foreign_page(origin: str, host: str) -> None:
        """Let no page of another site change anything: browsers say where a page is from, other clients say nothing.

        Raises:
            Forbidden: The page is of another site.
        """
        if origin and urlsplit(origin).netloc != host:
            raise Forbidden(f"a page of {origin!r} may change nothing here")

    def place(self, namespace: str) -> str:
        """The namespace that a request is about.

        Raises:
            Forbidden: This server does not serve it.
        """
        if self.namespace and namespace not in ("", self.namespace):
            raise Forbidden(f"this server serves namespace {self.namespace!r} only")
        return namespace or self.namespace

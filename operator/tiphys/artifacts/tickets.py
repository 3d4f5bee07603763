"""What an HDFS artifact says of Kerberos, read and used.

Source: Argo's field documentation of `HDFSArtifact`; what belongs together there belongs together here.
"""

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tiphys.artifacts.guard import is_guarded
from tiphys.artifacts.secrets import SecretReader
from tiphys.errors import Forbidden, SpecError
from tiphys.model.base import KeySelector
from tiphys.model.locations import HDFSArtifact
from tiphys.model.places import config_map

if TYPE_CHECKING:
    from tiphys.artifacts.kerberos import Ticket

_WEB, _ANY_HOST = "HTTP/", "_HOST"


def ticket_of(place: HDFSArtifact, secrets: SecretReader) -> "Ticket | None":
    """What the artifact signs in with; None where it does not name Kerberos.

    Raises:
        SpecError: A field is missing that belongs to it.
        Forbidden: It is asked for by a server: the settings of Kerberos name hosts, files and modules.
    """
    by_keytab, by_cache = _is_said(place.krb_keytab_secret), _is_said(place.krb_ccache_secret)
    if not by_keytab and not by_cache:
        _refuse_rest(place)
        return None
    needed = {"krbConfigConfigMap": _is_said(place.krb_config_config_map)}
    if by_keytab:
        needed |= {"krbUsername": bool(place.krb_username), "krbRealm": bool(place.krb_realm)}
    for field, is_there in needed.items():
        if not is_there:
            raise SpecError(f"is required with {'krbKeytabSecret' if by_keytab else 'krbCCacheSecret'}", path=f"hdfs.{field}")
    if is_guarded():
        raise Forbidden("artifacts that are opened by Kerberos are not served")
    from tiphys.artifacts.kerberos import Ticket

    config = secrets(config_map(place.krb_config_config_map or KeySelector()))
    if by_keytab:
        principal = f"{place.krb_username}@{place.krb_realm}"
        return Ticket(config, principal=principal, keytab=secrets(place.krb_keytab_secret or KeySelector()))
    return Ticket(config, cache=secrets(place.krb_ccache_secret or KeySelector()))


def _is_said(selector: KeySelector | None) -> bool:
    return selector is not None and bool(selector.name)


def _refuse_rest(place: HDFSArtifact) -> None:
    """Kerberos with nothing to sign in with is a mistake, not an artifact without it."""
    if place.krb_username or place.krb_realm or place.krb_service_principal_name:
        raise SpecError("is required with the other fields of Kerberos, or krbCCacheSecret", path="hdfs.krbKeytabSecret")


class SignIn:
    """Signs in at name nodes.

    Args:
        ticket: With what.
        principal: What the artifact calls the service; one that is not `HTTP/...` is of another protocol, and says nothing here.
    """

    def __init__(self, ticket: "Ticket", principal: str) -> None:
        from tiphys.artifacts.kerberos import Negotiator

        self._negotiator = Negotiator(ticket)
        self._host = principal.removeprefix(_WEB).partition("@")[0] if principal.startswith(_WEB) else _ANY_HOST

    def headers(self, server: str) -> dict[str, str]:
        """What signs in at the server of that address, once.

        Raises:
            Forbidden: There is no ticket for it.
        """
        host = urlsplit(server).hostname or ""
        return self._negotiator.header(f"HTTP@{self._host.replace(_ANY_HOST, host)}")

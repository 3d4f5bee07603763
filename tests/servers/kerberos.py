"""A realm of Kerberos by MIT's key server, and a web server (Apache with its GSSAPI module) that lets in who has a ticket."""

import os
import pathlib
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from tests.servers.process import free_port, running

REALM, USER = "TIPHYS.TEST", "tester"
_PACKAGES = pathlib.Path(__file__).parent / "kerberos-packages"
_KDC = """
[realms]
  {realm} = {{
    database_name = {folder}/principal
    key_stash_file = {folder}/stash
    kdc_listen = ""
    kdc_tcp_listen = 127.0.0.1:{port}
  }}
"""
_CONFIG = """
[libdefaults]
  default_realm = {realm}
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
  udp_preference_limit = 1
[realms]
  {realm} = {{
    kdc = 127.0.0.1:{port}
  }}
[domain_realm]
  localhost = {realm}
"""
_APACHE = """
ServerRoot {folder}
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {folder}/apache.pid
ErrorLog {folder}/apache-error.log
Mutex file:{folder}
User www-data
{modules}
<Location />
  AuthType GSSAPI
  AuthName tickets
  GssapiCredStore keytab:{folder}/http.keytab
  Require valid-user
  RequestHeader set X-Remote-User expr=%{{REMOTE_USER}}
  ProxyPass {behind}/
</Location>
"""
_MODULES = ("mpm_event", "authn_core", "authz_core", "authz_user", "auth_gssapi", "headers", "proxy", "proxy_http")


class Realm:
    """A running one, with the principal of its one user."""

    def __init__(self, folder: pathlib.Path, port: int) -> None:
        self.folder, self.port = folder, port
        self.env = {
            "PATH": f"{os.environ['PATH']}:/usr/sbin", "KRB5_CONFIG": str(folder / "krb5.conf"), "KRB5_KDC_PROFILE": str(folder / "kdc.conf"),
        }  # fmt: skip

    def run(self, *command: str) -> None:
        subprocess.run(command, check=True, capture_output=True, env=self.env)

    def administer(self, what: str) -> None:
        self.run("kadmin.local", "-r", REALM, "-q", what)

    @property
    def config(self) -> bytes:
        return (self.folder / "krb5.conf").read_bytes()

    @property
    def keytab(self) -> bytes:
        return (self.folder / "user.keytab").read_bytes()

    def cache(self) -> bytes:
        """A cache of tickets, as `kinit` leaves it."""
        self.run("kinit", "-k", "-t", str(self.folder / "user.keytab"), "-c", f"FILE:{self.folder}/ccache", f"{USER}@{REALM}")
        return (self.folder / "ccache").read_bytes()


@contextmanager
def realm() -> Iterator[Realm]:
    """The key server, with keys for the user and for the web server on localhost."""
    subprocess.run([_PACKAGES], check=True, capture_output=True)
    with tempfile.TemporaryDirectory(prefix="realm-") as name:  # Apache's user reads in it
        folder, port = pathlib.Path(name), free_port()
        folder.chmod(0o755)
        one = Realm(folder, port)
        (folder / "krb5.conf").write_text(_CONFIG.format(realm=REALM, port=port))
        (folder / "kdc.conf").write_text(_KDC.format(realm=REALM, folder=folder, port=port))
        one.run("kdb5_util", "create", "-s", "-r", REALM, "-P", "of-this-test-alone")
        for principal, keytab in ((USER, "user.keytab"), ("HTTP/localhost", "http.keytab")):
            one.administer(f"addprinc -randkey {principal}")
            one.administer(f"ktadd -k {folder}/{keytab} {principal}")
        (folder / "http.keytab").chmod(0o644)
        with running(["krb5kdc", "-n", "-r", REALM], port, folder / "kdc.log", one.env):
            yield one


@contextmanager
def ticketed(one: Realm, behind: str) -> Iterator[str]:
    """The address of a web server that hands over to another who shows a ticket, with his name as X-Remote-User."""
    port, program = free_port(), "/usr/sbin/apache2"
    modules = "\n".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in _MODULES)
    conf = one.folder / "apache.conf"
    conf.write_text(_APACHE.format(folder=one.folder, port=port, modules=modules, behind=behind))
    with running([program, "-DFOREGROUND", "-f", conf], port, one.folder / "apache.log", one.env):
        yield f"http://localhost:{port}"

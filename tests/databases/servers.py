"""PostgreSQL and MariaDB as processes of a test: started, killed, started again on the same files, ended."""

import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import ClassVar

from tests.servers.process import free_port

from tiphys.archive.target import Login, Target, constant

PASSWORD = "s3cret-canary"  # noqa: S105 of a server that lives as long as the test
_OWNER = "nobody"


def install() -> None:
    """The servers' Debian packages are there."""
    subprocess.run([pathlib.Path(__file__).with_name("packages")], check=True, capture_output=True)


class Server:
    """One database server; `start` returns when it answers."""

    kind: ClassVar[str] = ""

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, tls: bool = False) -> None:
        # not below pytest's own folders, which let nobody else in
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"tiphys-{self.kind}-"))
        self.host, self.port = host, port or free_port(host)
        self.data = self.folder / "data"
        self.process: subprocess.Popen[bytes] | None = None
        self._user = _OWNER if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        shutil.chown(self.folder, self._user)
        self.certificate = self._make_certificate() if tls else ""

    def _make_certificate(self) -> str:
        """A certificate of the server's own, for its address; it is its own authority."""
        made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", "key.pem",
                "-out", "cert.pem", "-addext", f"subjectAltName=IP:{self.host},DNS:localhost"]  # fmt: skip
        self.run(*made)
        self.run("chmod", "600", "key.pem")
        return (self.folder / "cert.pem").read_text()

    def target(self, name: str = "tiphys", **more: object) -> Target:
        login = constant(Login("tiphys", PASSWORD))
        return Target(kind=self.kind, host=self.host, port=self.port, name=name, login=login, **more)  # type: ignore[arg-type]

    def run(self, *command: object, stdin: str | None = None) -> str:
        given = [str(part) for part in command]
        done = subprocess.run(given, user=self._user, cwd=self.folder, input=stdin, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def spawn(self, *command: object) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen([str(part) for part in command], user=self._user, cwd=self.folder, stdout=log, stderr=log)
        end = time.monotonic() + 60
        while not self.answers():
            is_starting = self.process.poll() is None and time.monotonic() < end
            assert is_starting, (self.folder / "log").read_text()[-3000:]
            time.sleep(0.1)

    def answers(self) -> bool:
        raise NotImplementedError

    def start(self) -> None:
        raise NotImplementedError

    def sql(self, text: str, name: str = "tiphys") -> str:
        raise NotImplementedError

    def kill(self) -> None:
        """As the machine's end would: SIGKILL."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ended for good: nothing of it stays."""
        self._end(signal.SIGKILL)
        shutil.rmtree(self.folder)

    def _end(self, number: int) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(60)
            self.process = None

    def make_database(self, name: str) -> None:
        raise NotImplementedError


class Postgres(Server):
    """PostgreSQL 15."""

    kind = "postgresql"
    _BIN = pathlib.Path("/usr/lib/postgresql/15/bin")

    def start(self) -> None:
        is_new = not self.data.exists()
        if is_new:
            (self.folder / "password").write_text(PASSWORD)
            shutil.chown(self.folder / "password", self._user)
            self.run(self._BIN / "initdb", "-D", self.data, "-U", "tiphys", "--pwfile", self.folder / "password",
                     "--auth", "scram-sha-256", "--locale", "C.UTF-8", "-N")  # fmt: skip
            with (self.data / "pg_hba.conf").open("a") as rules:
                rules.write("host all all 0.0.0.0/0 scram-sha-256\n")
        tls = ("--ssl=on", f"--ssl-cert-file={self.folder}/cert.pem", f"--ssl-key-file={self.folder}/key.pem") if self.certificate else ()
        # killed as a whole: its children end when they notice, and a new one waits for them
        options = {"listen_addresses": self.host, "unix_socket_directories": str(self.folder), "shared_buffers": "128MB",
                   "max_connections": "60"}  # fmt: skip
        self.spawn(self._BIN / "postgres", "-D", self.data, "-p", self.port,
                   *tls, *(f"--{key.replace('_', '-')}={value}" for key, value in options.items()))  # fmt: skip
        if is_new:
            self.make_database("tiphys")

    def answers(self) -> bool:
        asked = [self._BIN / "pg_isready", "-q", "-h", self.host, "-p", str(self.port)]
        return subprocess.run(asked, check=False).returncode == 0

    def sql(self, text: str, name: str = "tiphys") -> str:
        environment = f"PGPASSWORD={PASSWORD}"
        return self.run("env", environment, self._BIN / "psql", "-qAt", "-v", "ON_ERROR_STOP=1", "-h", self.host, "-p", self.port,
                        "-U", "tiphys", name, stdin=text)  # fmt: skip

    def make_database(self, name: str) -> None:
        self.sql(f'create database "{name}"', "postgres")


class MariaDB(Server):
    """MariaDB 10.11."""

    kind = "mysql"

    def start(self) -> None:
        is_new = not self.data.exists()
        if is_new:
            self.run("mariadb-install-db", "--no-defaults", f"--datadir={self.data}", f"--tmpdir={self.folder}",
                     "--auth-root-authentication-method=normal")  # fmt: skip
        # a server that starts clears its folder for temporary files, and what others have in it
        self.spawn("/usr/sbin/mariadbd", "--no-defaults", f"--datadir={self.data}", f"--tmpdir={self.folder}", f"--bind-address={self.host}", f"--port={self.port}",
                   f"--socket={self.folder}/socket", "--max-allowed-packet=512M", "--innodb-buffer-pool-size=256M",
                   *((f"--ssl-cert={self.folder}/cert.pem", f"--ssl-key={self.folder}/key.pem") if self.certificate else ()),
                   "--innodb-log-file-size=256M", f"--pid-file={self.folder}/pid", "--skip-name-resolve")  # fmt: skip
        if is_new:
            self.make_database("tiphys")

    def answers(self) -> bool:
        if not (self.folder / "socket").exists():
            return False
        asked = ["mariadb", "--no-defaults", f"--socket={self.folder}/socket", "-uroot", "-e", "select 1"]
        return subprocess.run(asked, check=False, capture_output=True).returncode == 0

    def sql(self, text: str, name: str = "tiphys") -> str:
        return self.run("mariadb", "--no-defaults", f"--socket={self.folder}/socket", "-uroot", "-BN", name, stdin=text)

    def make_database(self, name: str) -> None:
        self.sql(f"create database `{name}` character set utf8mb4; grant all on `{name}`.* to tiphys@'%' identified by '{PASSWORD}'", "mysql")


@contextmanager
def running() -> Iterator[dict[str, Server]]:
    """A server of each kind; one that does not start leaves no other behind."""
    install()
    known: dict[str, Server] = {"postgresql": Postgres(), "mysql": MariaDB()}
    with ExitStack() as stack:
        for server in known.values():
            stack.callback(server.stop)
            server.start()
        yield known

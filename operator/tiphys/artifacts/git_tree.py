"""Git repositories as servers look into them: one commit is fetched, without a checkout, and its files are read from there.

A server asks for everybody: it goes to the host that was looked at and to no other (no redirects, no submodules, no alternates),
takes a gigabyte and two minutes at most, and two at a time. Nothing in a repository is run, and no link in it is followed.
Source: git, "http.curloptResolve", "http.followRedirects", "gitrevisions"; OpenSSH, "HostName", "HostKeyAlias".
Differs from Argo: files of a repository are served, and the whole as an archive.
"""

import re
import shutil
import subprocess
import threading
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import mkdtemp
from typing import IO, NamedTuple
from urllib.parse import urlsplit

from tiphys.artifacts.git import GitDriver, scp_like
from tiphys.artifacts.guard import addresses_of
from tiphys.artifacts.secrets import SecretReader
from tiphys.artifacts.web import PART
from tiphys.errors import InvalidManifest, NotFound, SpecError, Throttled, Unavailable
from tiphys.model.locations import GitArtifact

_PORTS = {"http": 80, "https": 443, "ssh": 22}
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
_USER = re.compile(r"[\w.~%!$&'()*+,;=:-]*")
_SHA = re.compile(r"[0-9a-f]{7,64}")
_SECONDS = 120
_BLOCKS = (1 << 30) // 512
"""The longest file that git may write, as the shell's `ulimit` counts."""
_LIMITED = ("sh", "-c", f'ulimit -f {_BLOCKS} && exec "$0" "$@"')
_fetching = threading.BoundedSemaphore(2)
_WAIT_SECONDS = 30
_EVERYTHING = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")


class _Server(NamedTuple):
    """Where a repository is, taken apart by us: what git is told is put together again from this."""

    protocol: str
    user: str
    host: str
    port: int
    path: str
    address: str

    @property
    def url(self) -> str:
        user = f"{self.user}@" if self.user else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.protocol}://{user}{host}:{self.port}{self.path}"

    @property
    def ssh_options(self) -> tuple[str, ...]:
        """What makes ssh connect to the address, and know the host by its own name."""
        alias = self.host if self.port == _PORTS["ssh"] else f"[{self.host}]:{self.port}"
        return (f"HostName={self.address}", f"HostKeyAlias={alias}", "CheckHostIP=no")


def _server_of(repo: str, protocol: str) -> _Server:
    """Where it is.

    Raises:
        SpecError: It is none of http, https and ssh, or its parts are not plain.
        Forbidden: Nobody may have it asked for him.
    """
    if protocol not in _PORTS:
        raise SpecError(f"a server looks into repositories by {', '.join(_PORTS)} alone", path="git.repo")
    if "://" in repo:
        parts = urlsplit(repo)
        user, host, port, path = parts.netloc.rpartition("@")[0], parts.hostname or "", parts.port or _PORTS[protocol], parts.path
    else:
        user, host, path = scp_like(repo)
        port, path = _PORTS[protocol], f"/{path.lstrip('/')}" if path.startswith("/") else f"/~/{path}"
    if not _HOST.fullmatch(host) or not _USER.fullmatch(user) or not path.startswith("/"):
        raise SpecError("is no plain URL", path="git.repo")
    return _Server(protocol, user, host, port, path, addresses_of(host, port)[0])


class GitTree(GitDriver):
    """One commit of a repository; its keys are paths, and the empty one is the whole."""

    def __init__(self, place: GitArtifact, secrets: SecretReader) -> None:
        super().__init__(place, secrets)
        self._server = _server_of(place.repo, self._protocol)
        self._folder: Path | None = None
        self._commit = ""

    def _config(self, home: Path) -> str:
        host = self._server.host
        address = f"[{self._server.address}]" if ":" in self._server.address else self._server.address
        lines = ["[http]", "\tfollowRedirects = false", "\tlowSpeedLimit = 1000", "\tlowSpeedTime = 30"]
        if self._protocol != "ssh" and ":" not in host:
            lines.append(f"\tcurloptResolve = {host.lower()}:{self._server.port}:{address}")
        return super()._config(home) + "\n".join((*lines, ""))

    def _ssh_options(self) -> list[str]:
        return [*self._server.ssh_options, *super()._ssh_options()]

    def _run(self, folder: Path | None, environment: Mapping[str, str], *arguments: str) -> str:
        try:
            done = subprocess.run(  # noqa: S603 nothing of the artifact is part of the shell's text
                [*_LIMITED, "git", *arguments],
                cwd=folder or "/", env=dict(environment), capture_output=True, text=True, errors="replace", check=False,
                stdin=subprocess.DEVNULL, timeout=_SECONDS,
            )  # fmt: skip
        except subprocess.TimeoutExpired as e:
            raise Unavailable(f"{self._shown}: git took more than {_SECONDS} seconds") from e
        if done.returncode:
            raise self._fault(done.stderr, environment)
        return done.stdout

    def _open(self) -> Path:
        """The bare repository with the commit; fetched once."""
        if self._folder is not None:
            return self._folder
        if not _fetching.acquire(timeout=_WAIT_SECONDS):
            raise Throttled("other repositories are being looked into; try again")
        try:
            folder = Path(mkdtemp(prefix="tiphys-tree-"))
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
            with self._environment() as environment:
                self._run(folder, environment, "init", "--quiet", "--bare")
                self._commit = self._fetch(folder, environment)
        finally:
            _fetching.release()
        self._folder = folder
        return folder

    def _fetch(self, folder: Path, environment: Mapping[str, str]) -> str:
        """The commit's name; the first of what the revision may mean that there is."""
        wanted = self._place.revision or self._place.branch
        branch, tag = wanted.removeprefix("refs/heads/"), wanted.removeprefix("refs/tags/")
        names = (f"refs/heads/{branch}", f"refs/tags/{tag}", wanted) if wanted else ("HEAD",)
        for name in dict.fromkeys(names):
            try:
                self._run(folder, environment, "fetch", "--quiet", "--depth=1", "--no-tags", "--", self._server.url, name)
            except (NotFound, InvalidManifest):
                continue
            return self._name_of(folder, environment, "FETCH_HEAD")
        if _SHA.fullmatch(wanted) or self._place.fetch:  # part of a name, or one that this server does not give alone
            more = (*_EVERYTHING, *self._place.fetch)
            self._run(folder, environment, "fetch", "--quiet", "--no-tags", "--", self._server.url, *more)
            return self._name_of(folder, environment, wanted)
        raise NotFound(f"{self._shown}: there is no revision {wanted!r}")

    def _name_of(self, folder: Path, environment: Mapping[str, str], revision: str) -> str:
        options = ("--quiet", "--verify", "--end-of-options")
        return self._run(folder, environment, "rev-parse", *options, f"{revision}^{{commit}}").strip()

    def _kind(self, key: str) -> str:
        """`blob`, `tree`, or empty where there is nothing."""
        folder = self._open()
        with self._environment() as environment:
            try:
                return self._run(folder, environment, "cat-file", "-t", f"{self._commit}:{key.strip('/')}").strip()
            except (NotFound, InvalidManifest):
                return ""

    def is_directory(self, key: str) -> bool:
        """Whether it is a folder of the commit."""
        return self._kind(key) == "tree"

    def stream(self, key: str) -> Iterator[bytes]:
        """A file of the commit, a link as the text that it is; for the empty key an archive (`.tgz`) of all."""
        folder, path = self._open(), key.strip("/")
        if path and self._kind(key) != "blob":
            raise NotFound(f"{self._shown}: there is no file {path!r}")
        command = ("cat-file", "blob", f"{self._commit}:{path}") if path else ("archive", "--format=tar.gz", self._commit)
        with self._environment() as environment:
            process = subprocess.Popen(  # noqa: S603 no shell, and no argument that could be an option
                ["git", *command],  # noqa: S607 the image's own
                cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
            )  # fmt: skip
            try:
                yield from _parts(process.stdout)
                if process.wait():
                    raise InvalidManifest(f"{self._shown}: git failed on {path or 'the archive'!r}")
            finally:
                process.kill()
                process.wait()
                if process.stdout is not None:
                    process.stdout.close()

    def list(self, prefix: str) -> Iterator[str]:
        """Paths of the files below a folder."""
        if self._kind(prefix) != "tree":
            return
        folder, path = self._open(), prefix.strip("/")
        with self._environment() as environment:
            listed = self._run(folder, environment, "ls-tree", "-r", "-z", "--name-only", f"{self._commit}:{path}")
        for name in listed.split("\0"):
            if name:
                yield f"/{path}/{name}" if path else f"/{name}"


def _parts(source: IO[bytes] | None) -> Iterator[bytes]:
    while source is not None and (part := source.read(PART)):
        yield part

"""Checkouts of git repositories, made by the git program.

What the artifact says never becomes an option, a command or another protocol: values follow `--` or stand behind `=`, and only
http, https, ssh and git are spoken. Credentials are in files of their own for the time of the work, and git offers them to the
artifact's server only.

Source: argo-semantics 20.1; Argo's field documentation of `GitArtifact`.

Differs from Argo: it is the git program, with http, https, ssh and git as its only protocols.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from tiphys.artifacts.refusals import LoadOnly
from tiphys.artifacts.secrets import SecretReader, text_of
from tiphys.errors import Forbidden, InvalidManifest, NotFound, SpecError, TiphysError, Unavailable
from tiphys.model.locations import GitArtifact

_PROTOCOLS = ("http", "https", "ssh", "git")
_SCP_LIKE = re.compile(r"^(?:(?P<user>[\w.~+-]+)@)?(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*):(?!//)(?P<path>[^-].*)$")
#: Large files are not held in memory while they come and are checked out, and packs are looked at through small windows.
_FLAT = (
    "[core]", "\tbigFileThreshold = 8m", "\tpackedGitWindowSize = 16m", "\tpackedGitLimit = 32m", "[pack]", "\tthreads = 1"
)  # fmt: skip
_SHA = re.compile(r"^[0-9a-f]{7,64}$")
_KEPT = ("PATH", "LANG", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")
#: What git and ssh print -> what it means; the first sign that is found counts.
_SIGNS: tuple[tuple[Callable[[str], TiphysError], tuple[str, ...]], ...] = (
    (Forbidden, ("authentication failed", "permission denied", "could not read username", "host key verification failed",
                 "error: 403", "invalid credentials")),
    (NotFound, ("not found", "couldn't find remote ref", "does not appear to be", "unknown revision")),
    (Unavailable, ("could not resolve", "unable to access", "connection", "timed out", "early eof", "hung up")),
)  # fmt: skip
_NOISE = ("cloning into", "hint:", "warning:", "please make sure", "and the repository exists", "submodule '")
#: Where host keys are known from, besides what SSH_KNOWN_HOSTS and the user's own file say; the last has those of public hosts.
KNOWN_HOSTS = ("/etc/ssh/ssh_known_hosts", str(Path(__file__).with_name("known_hosts")))


class GitDriver(LoadOnly):
    """One repository; it can be loaded only."""

    kind = "git"

    def __init__(self, place: GitArtifact, secrets: SecretReader) -> None:
        self._place = place
        self._protocol = protocol_of(place.repo)
        for field, value in (("revision", place.revision), ("branch", place.branch), *(("fetch", one) for one in place.fetch)):
            check_name(value, f"git.{field}")
        if place.depth is not None and place.depth < 0:
            raise SpecError("is below 0", path="git.depth")
        self._user = text_of(secrets, place.username_secret)
        self._password = text_of(secrets, place.password_secret)
        self._key = text_of(secrets, place.ssh_private_key_secret)

    def load(self, _key: str, target: Path) -> None:
        """The checkout, submodules included unless they are not wanted."""
        with self._environment() as environment:
            self._clone(target, environment)
            commit = self._revision(target, environment)
            self._run(target, environment, "checkout", "--force", *(("--detach", commit) if commit else ()), "--")
            if not self._place.disable_submodules:
                self._update_submodules(target, environment)
            if self._has_pointers(target, environment):
                print(f"{self._shown}: files that Git LFS keeps elsewhere are pointers to them", file=sys.stderr)

    def _has_pointers(self, target: Path, environment: Mapping[str, str]) -> bool:
        """Whether the repository says of files that LFS has their content."""
        listed = self._run(target, environment, "ls-files", "-z", "--", ":(glob)**/.gitattributes")
        files = [target / name for name in listed.split("\0") if name]
        return any("filter=lfs" in one.read_text(errors="replace") for one in files if one.is_file() and not one.is_symlink())

    def _update_submodules(self, target: Path, environment: Mapping[str, str]) -> None:
        command = ("submodule", "update", "--init", "--recursive", "--force")
        try:
            self._run(target, environment, *command, *self._depth)
        except (NotFound, InvalidManifest):
            if not self._depth:
                raise
            self._run(target, environment, *command)  # a server that gives no single commits

    @property
    def _depth(self) -> tuple[str, ...]:
        return (f"--depth={self._place.depth}",) if self._place.depth else ()

    def _clone(self, target: Path, environment: Mapping[str, str]) -> None:
        place = self._place
        single = "--single-branch" if place.single_branch else "--no-single-branch"
        branch = (f"--branch={place.branch.removeprefix('refs/heads/')}",) if place.branch else ()
        options = ("--quiet", "--no-checkout", *self._depth, single, *branch)
        self._run(None, environment, "clone", *options, "--", place.repo, str(target))
        if place.fetch:
            self._run(target, environment, "fetch", "--quiet", *self._depth, "--", "origin", *place.fetch)

    def _revision(self, target: Path, environment: Mapping[str, str]) -> str:
        """The commit to check out; empty for where the clone stands."""
        revision = self._place.revision
        if not revision:
            return ""
        branch, tag = revision.removeprefix("refs/heads/"), revision.removeprefix("refs/tags/")
        names = (f"refs/remotes/origin/{branch}", f"refs/tags/{tag}", revision)
        found = self._resolve(target, environment, names)
        if not found:  # a shallow clone has it not, or it is no branch or tag
            try:
                self._run(target, environment, "fetch", "--quiet", *self._depth, "--", "origin", revision)
                found = self._resolve(target, environment, ("FETCH_HEAD",))
            except (NotFound, InvalidManifest):
                if self._depth and _SHA.match(revision):  # a server that gives no single commits
                    self._run(target, environment, "fetch", "--quiet", "--unshallow", "--tags", "--", "origin")
                    found = self._resolve(target, environment, names)
        if not found:
            raise NotFound(f"{self._shown}: there is no revision {revision!r}")
        return found

    def _resolve(self, target: Path, environment: Mapping[str, str], names: Iterable[str]) -> str:
        for name in names:
            try:
                options = ("--quiet", "--verify", "--end-of-options")
                return self._run(target, environment, "rev-parse", *options, f"{name}^{{commit}}").strip()
            except TiphysError:
                continue
        return ""

    @property
    def _shown(self) -> str:
        return re.sub(r"://[^/@]*@", "://", self._place.repo)

    def _run(self, folder: Path | None, environment: Mapping[str, str], *arguments: str) -> str:
        done = subprocess.run(  # noqa: S603 no shell, and no argument that could be an option
            ["git", *arguments],  # noqa: S607 the image's own
            cwd=folder or "/", env=dict(environment), capture_output=True, text=True, errors="replace", check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        if done.returncode:
            raise self._fault(done.stderr, environment)
        return done.stdout

    def _fault(self, text: str, environment: Mapping[str, str]) -> TiphysError:
        if self._key and "permission denied" in text.lower() and (wrong := _wrong_key(Path(environment["HOME"], "key"))):
            return SpecError(f"{self._shown}: {wrong}", path="git.sshPrivateKeySecret")
        for secret in (self._password, self._user):
            text = text.replace(secret, "***") if len(secret) > 3 else text
        lines = [re.sub(r"://[^/@\s]*@", "://", line) for line in text.splitlines() if line.strip()]
        faults = [line for line in lines if not line.lower().startswith(_NOISE)] or lines
        reason = f"{self._shown}: " + ("; ".join(faults) or "git failed")[:1000]
        lower = text.lower()
        return next((kind(reason) for kind, signs in _SIGNS if any(sign in lower for sign in signs)), InvalidManifest(reason))

    @contextmanager
    def _environment(self) -> Iterator[dict[str, str]]:
        """What git runs in: nothing of ours but what it needs, and a home of its own with the credentials."""
        with TemporaryDirectory(prefix="tiphys-git-") as home:
            environment = {name: value for name, value in os.environ.items() if name.upper() in _KEPT}
            environment |= {
                "HOME": home,
                "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_TERMINAL_PROMPT": "0",
                "GIT_ALLOW_PROTOCOL": ":".join(_PROTOCOLS),
                "GIT_SSH_COMMAND": self._ssh(Path(home)),
                "LC_ALL": "C.UTF-8",
            }
            environment |= _passwd(Path(home))
            Path(home, ".gitconfig").write_text(self._config(Path(home)))
            yield environment

    def _config(self, home: Path) -> str:
        lines = ["[advice]", "\tdetachedHead = false", "[credential]", "\thelper = ", "[protocol]", "\tallow = never"]
        lines += _FLAT
        for protocol in _PROTOCOLS:
            lines += [f'[protocol "{protocol}"]', "\tallow = always"]
        if self._place.insecure_skip_tls:
            lines += ["[http]", "\tsslVerify = false"]
        if self._protocol in ("http", "https") and (self._user or self._password):
            offered = home / "credentials"
            offered.touch(mode=0o600)
            offered.write_text(f"username={_line(self._user)}\npassword={_line(self._password)}\n")
            parts = urlsplit(self._place.repo)
            server = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
            program = home / "offer"
            program.write_text(f"#!/bin/sh\ntest \"$1\" = get && cat {shlex.quote(str(offered))}\n")
            program.chmod(0o700)
            lines += [f'[credential "{server}"]', f'\thelper = "{program}"']
        return "\n".join((*lines, ""))

    def _ssh_options(self) -> list[str]:
        return ["BatchMode=yes", "ConnectTimeout=20", "PasswordAuthentication=no", "ForwardAgent=no"]

    def _ssh(self, home: Path) -> str:
        options = self._ssh_options()
        if self._place.insecure_ignore_host_key:
            options += ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"]
        else:
            files = [*os.environ.get("SSH_KNOWN_HOSTS", "").split(":"), str(Path.home() / ".ssh/known_hosts"), *KNOWN_HOSTS]
            options += ["StrictHostKeyChecking=yes", f"UserKnownHostsFile={' '.join(one for one in files if one)}"]
        command = ["ssh", "-F", "/dev/null"]
        if self._key:
            key = home / "key"
            key.touch(mode=0o600)
            key.write_text(self._key.replace("\r\n", "\n") + "\n")
            command += ["-i", str(key)]
            options.append("IdentitiesOnly=yes")
        return shlex.join([*command, *(part for option in options for part in ("-o", option))])

    def is_directory(self, _key: str) -> bool:
        """Always."""
        return True


def _wrong_key(key: Path) -> str:
    """Why a private key can be used by nobody here; empty where it can."""
    done = subprocess.run(  # noqa: S603 no shell, and nothing that could be an option
        ["ssh-keygen", "-y", "-P", "", "-f", str(key)],  # noqa: S607 the image's own
        capture_output=True, text=True, errors="replace", check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if not done.returncode:
        return ""
    if "passphrase" in done.stderr:
        return "the key has a passphrase, which nobody can be asked for: give a key without one"
    return "the secret holds no private key that OpenSSH reads"


def protocol_of(repo: str) -> str:
    """How the repository is reached.

    Raises:
        SpecError: It is none of the ways that are allowed.
    """
    if not repo:
        raise SpecError("is required", path="git.repo")
    if any(ord(character) < 0x20 for character in repo) or repo.startswith("-"):
        raise SpecError(f"{repo!r} is no repository", path="git.repo")
    scheme = repo.partition("://")[0] if "://" in repo else ""
    if scheme in _PROTOCOLS and (urlsplit(repo).hostname or "-").startswith("-") is False:
        return scheme
    if not scheme and "::" not in repo and _SCP_LIKE.match(repo):
        return "ssh"
    raise SpecError(f"{repo!r} is neither an http, https, ssh or git URL nor user@host:path", path="git.repo")


def scp_like(repo: str) -> tuple[str, str, str]:
    """User, host and path of `user@host:path`; empty texts where it is no such thing."""
    found = _SCP_LIKE.match(repo)
    return (found["user"] or "", found["host"], found["path"]) if found else ("", "", "")


def check_name(name: str, path: str) -> None:
    """Return if a revision, branch or reference specification is nothing that git could take for an option.

    Raises:
        SpecError: It could.
    """
    if name.startswith("-") or any(ord(character) <= 0x20 or ord(character) == 0x7F for character in name):
        raise SpecError(f"{name!r} is no reference", path=path)


def _line(text: str) -> str:
    if "\n" in text or "\0" in text:
        raise SpecError("user names and passwords have one line")
    return text


def _passwd(home: Path) -> dict[str, str]:
    """What lets ssh run as a user that the image does not know; nothing when it does, or where the library is not there."""
    import pwd

    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        libraries = sorted(Path("/usr/lib").glob("*/libnss_wrapper.so"))
        if libraries:
            users, groups = home / "passwd", home / "group"
            users.write_text(f"tiphys:x:{os.getuid()}:{os.getgid()}::{home}:/bin/sh\n")
            groups.write_text(f"tiphys:x:{os.getgid()}:\n")
            return {"LD_PRELOAD": str(libraries[0]), "NSS_WRAPPER_PASSWD": str(users), "NSS_WRAPPER_GROUP": str(groups)}
    return {}

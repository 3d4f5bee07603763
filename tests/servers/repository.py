"""A git repository with branches, tags, a submodule, and servers of it over HTTP and SSH."""

import os
import pathlib
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.servers.process import free_port, running


def git(folder: pathlib.Path, *arguments: str) -> str:
    env = {
        **os.environ, "GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@t", "GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@t",
        "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_ALLOW_PROTOCOL": "file", "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z",
        "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True, env=env).stdout.strip()


class Repository:
    """`app.git` (commits one to three on main, tag v1.0 on one, branch feature/x, refs/pull/7/head) and `lib.git`, its submodule."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder / "repos"
        work = folder / "work"
        for name in ("lib", "app"):
            (work / name).mkdir(parents=True)
            git(work / name, "init", "-q", "-b", "main")
        self._commit(work / "lib", "lib.txt", "library")
        app = work / "app"
        self.one = self._commit(app, "VERSION", "1.0")
        git(app, "tag", "-a", "v1.0", "-m", "first")
        git(app, "checkout", "-q", "-b", "feature/x")
        self.feature = self._commit(app, "VERSION", "feature")
        git(app, "checkout", "-q", "main")
        self.two = self._commit(app, "VERSION", "2.0")
        git(app, "checkout", "-q", "-b", "pull")
        self.pull = self._commit(app, "VERSION", "pull request")
        git(app, "update-ref", "refs/pull/7/head", self.pull)
        git(app, "checkout", "-q", "main")
        git(app, "branch", "-q", "-D", "pull")
        (app / ".gitmodules").write_text('[submodule "lib"]\n\tpath = lib\n\turl = ../lib.git\n')
        git(app, "add", ".gitmodules")
        git(app, "update-index", "--add", "--cacheinfo", f"160000,{git(work / 'lib', 'rev-parse', 'HEAD')},lib")
        self.three = self._commit(app, "VERSION", "3.0")
        self.folder.mkdir()
        for name in ("lib", "app"):
            git(folder, "clone", "-q", "--mirror", str(work / name), str(self.folder / f"{name}.git"))
            git(self.folder / f"{name}.git", "config", "uploadpack.allowAnySHA1InWant", "true")

    @staticmethod
    def _commit(folder: pathlib.Path, name: str, content: str) -> str:
        (folder / name).write_text(content + "\n")
        git(folder, "add", "-A") if name != ".gitmodules" and not (folder / ".gitmodules").exists() else git(folder, "add", name)
        git(folder, "commit", "-q", "-m", content)
        return git(folder, "rev-parse", "HEAD")


class SSHServer:
    def __init__(self, folder: pathlib.Path, host: str, port: int, repos: pathlib.Path) -> None:
        self.folder, self.host, self.port, self.repos = folder, host, port, repos

    def url(self, name: str) -> str:
        return f"ssh://root@{self.host}:{self.port}{self.repos}/{name}"

    @property
    def key(self) -> str:
        return (self.folder / "client").read_text()

    @property
    def known_hosts(self) -> str:
        return f"[{self.host}]:{self.port} {(self.folder / 'host.pub').read_text()}"


@contextmanager
def sshd(folder: pathlib.Path, repos: pathlib.Path, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[SSHServer]:
    """openssh-server for one key, which may run git only."""
    port = port or free_port(host)
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("host", "client", "stranger"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    (folder / "authorized").write_text(
        'restrict,command="env GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0=* git-shell -c \\"$SSH_ORIGINAL_COMMAND\\"" '
        + (folder / "client.pub").read_text()
    )
    (folder / "sshd_config").write_text(
        f"ListenAddress {host}\nPort {port}\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized\nPidFile {folder}/sshd.pid\n"
        "PasswordAuthentication no\nKbdInteractiveAuthentication no\nUsePAM no\nStrictModes no\nPermitRootLogin forced-commands-only\n"
    )
    pathlib.Path("/run/sshd").mkdir(parents=True, exist_ok=True)
    with running(["/usr/sbin/sshd", "-D", "-e", "-f", folder / "sshd_config"], port, folder / "sshd.log", host=host):
        yield SSHServer(folder, host, port, repos)

"""The git driver against git's own servers, over HTTP and SSH."""

import os
import pathlib
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.servers.nginx import PASSWORD, USER, Nginx, sha1
from tests.servers.repository import Repository, SSHServer, git
from tests.servers.secrets import Secrets
from tests.servers.serving import serving

from tiphys.artifacts.git import GitDriver
from tiphys.artifacts.web import basic
from tiphys.errors import Forbidden, InvalidManifest, NotFound, SpecError, TiphysError
from tiphys.model.locations import GitArtifact

ROOT = pathlib.Path(__file__).parents[3]

AS_A_STRANGER = """
import os, pathlib, sys
from tests.integration.artifacts.test_git import GitArtifact, Secrets, load
from tiphys.model.base import KeySelector
os.setgroups([])
os.setgid(54321)
os.setuid(54321)
repo, secrets, target = sys.argv[1:]
key = KeySelector(name="key", key="value")
load(GitArtifact(repo=repo, ssh_private_key_secret=key, insecure_ignore_host_key=True), Secrets(pathlib.Path(secrets)), pathlib.Path(target))
"""
"""A program of its own: what forks a process that has threads may find their locks held."""


@pytest.fixture
def secrets(tmp_path: pathlib.Path) -> Secrets:
    return Secrets(tmp_path / "secrets")


def load(place: GitArtifact, secrets: Secrets, target: pathlib.Path) -> pathlib.Path:
    GitDriver(place, secrets.read).load("", target)
    return target


def version(folder: pathlib.Path) -> str:
    return (folder / "VERSION").read_text().strip()


def commits(folder: pathlib.Path) -> int:
    return int(git(folder, "rev-list", "--count", "HEAD"))


@pytest.mark.parametrize(
    ("revision", "want"),
    [("", "3.0"), ("main", "3.0"), ("v1.0", "1.0"), ("refs/tags/v1.0", "1.0"), ("feature/x", "feature"), ("refs/heads/feature/x", "feature"),
     ("refs/pull/7/head", "pull request"), ("ONE", "1.0"), ("ONE short", "1.0")],
)  # fmt: skip
@pytest.mark.parametrize("depth", [None, 1], ids=["whole", "depth 1"])
def test_every_kind_of_revision_is_checked_out(web: Nginx, repository: Repository, secrets, tmp_path, revision, want, depth):  # noqa: PLR0917
    if revision.startswith("ONE"):
        revision = repository.one[:10] if "short" in revision else repository.one
    place = GitArtifact(repo=f"{web.url}/public/app.git", revision=revision, depth=depth)
    if depth and revision == repository.one[:10]:
        depth = None  # a short name can be looked up in the whole history only, which is then fetched
    made = load(place, secrets, tmp_path / "out")
    assert version(made) == want
    assert git(made, "status", "--porcelain") == ""
    assert depth is None or commits(made) == 1


@pytest.mark.parametrize("depth", [None, 1], ids=["whole", "depth 1"])
def test_the_name_of_a_tag_object_is_a_revision(web: Nginx, repository: Repository, secrets, tmp_path, depth):
    tag = git(repository.folder / "app.git", "rev-parse", "v1.0")
    assert tag != repository.one
    assert version(load(GitArtifact(repo=f"{web.url}/public/app.git", revision=tag, depth=depth), secrets, tmp_path / "out")) == "1.0"


def test_references_by_pattern_are_fetched_beside_one_branch(web: Nginx, secrets, tmp_path):
    patterns = ("refs/pull/*/head:refs/remotes/origin/pull/*", "+refs/heads/feature/*:refs/remotes/origin/feature/*")
    place = GitArtifact(repo=f"{web.url}/public/app.git", branch="main", single_branch=True, fetch=patterns, revision="origin/pull/7")
    made = load(place, secrets, tmp_path / "out")
    assert version(made) == "pull request"
    assert git(made, "show", "refs/remotes/origin/feature/x:VERSION") == "feature"
    with pytest.raises(NotFound, match="couldn't find remote ref refs/nowhere"):
        load(GitArtifact(repo=f"{web.url}/public/app.git", fetch=("refs/nowhere:refs/x",)), secrets, tmp_path / "out2")


def test_submodules_come_along_unless_they_are_not_wanted(web: Nginx, secrets, tmp_path):
    place = GitArtifact(repo=f"{web.url}/public/app.git")
    assert (load(place, secrets, tmp_path / "with") / "lib/lib.txt").read_text() == "library\n"
    place = GitArtifact(repo=f"{web.url}/public/app.git", disable_submodules=True)
    assert not (load(place, secrets, tmp_path / "without") / "lib/lib.txt").exists()


def test_one_branch_only_and_further_references(web: Nginx, repository: Repository, secrets, tmp_path):
    place = GitArtifact(repo=f"{web.url}/public/app.git", branch="feature/x", single_branch=True, fetch=("refs/pull/7/head:refs/remotes/origin/pull",))
    made = load(place, secrets, tmp_path / "out")
    assert version(made) == "feature"
    assert git(made, "rev-parse", "refs/remotes/origin/pull") == repository.pull
    with pytest.raises(subprocess.CalledProcessError):
        git(made, "rev-parse", "--verify", "--quiet", "refs/remotes/origin/main")


def test_user_and_password_open_a_private_repository_and_its_submodule(web: Nginx, secrets, tmp_path):
    place = GitArtifact(repo=f"{web.url}/private/app.git", username_secret=secrets("user", USER + "\n"), password_secret=secrets("password", PASSWORD))
    made = load(place, secrets, tmp_path / "out")
    assert (version(made), (made / "lib/lib.txt").exists()) == ("3.0", True)
    left = b"".join(one.read_bytes() for one in made.rglob("*") if one.is_file())
    assert PASSWORD.encode() not in left


@pytest.mark.parametrize("password", ["", "wrong-canary-password"])
def test_a_wrong_password_is_forbidden_and_not_told(web: Nginx, secrets, tmp_path, password):
    place = GitArtifact(repo=f"{web.url}/private/app.git")
    if password:
        place = GitArtifact(repo=f"{web.url}/private/app.git", username_secret=secrets("user", USER), password_secret=secrets("password", password))
    with pytest.raises(Forbidden) as caught:
        load(place, secrets, tmp_path / "out")
    assert "app.git" in caught.value.message
    assert "canary" not in caught.value.message


@pytest.mark.parametrize("password", ["p@ss:w/ord%20#?&=+", "ünï日本 'quoted\" `$(x)\\"], ids=["of URLs", "of shells"])
def test_a_password_may_have_any_character(web: Nginx, secrets, tmp_path, password):
    user = f"special-{len(password)}"
    with (web.folder / "users").open("a") as users:
        users.write(f"{user}:{sha1(password)}\n")
    place = GitArtifact(repo=f"{web.url}/private/app.git", username_secret=secrets("user", user), password_secret=secrets("password", password))
    assert version(load(place, secrets, tmp_path / "out")) == "3.0"


class _Answers(BaseHTTPRequestHandler):
    """Asks for a password, and sends who has given one on to where the server says; remembers what it was given."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        given = self.headers.get("Authorization", "")
        self.server.given.append(given)
        self.send_response(302 if given and self.server.onward else 401)
        self.send_header("Location", f"{self.server.onward}{self.path}")
        self.send_header("WWW-Authenticate", 'Basic realm="x"')
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextmanager
def answering(onward: str = "") -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    server.given, server.onward = [], onward
    with serving(server):
        yield server


def test_credentials_do_not_go_along_with_a_redirect(secrets, tmp_path):
    """The owner's server takes the password and sends on to another, which asks for one, too."""
    with answering() as other, answering(f"http://127.0.0.1:{other.server_address[1]}") as owner:
        place = GitArtifact(repo=f"http://127.0.0.1:{owner.server_address[1]}/app.git", username_secret=secrets("user", USER), password_secret=secrets("password", PASSWORD))
        with pytest.raises(Forbidden, match="Authentication failed"):
            load(place, secrets, tmp_path / "out")
        assert owner.given[-1] == basic(USER, PASSWORD)["Authorization"]
        assert set(other.given) == {""}


def test_credentials_are_not_offered_to_the_server_that_a_redirect_names(web: Nginx, secure_web: Nginx, secrets, tmp_path):
    """The repository is said to be on one server, which sends on to the other: what it gets there is a demand for a password."""
    place = GitArtifact(
        repo=f"{secure_web.url}/private/app.git", username_secret=secrets("user", USER), password_secret=secrets("password", PASSWORD), insecure_skip_tls=True
    )
    assert version(load(place, secrets, tmp_path / "direct")) == "3.0"
    driver = GitDriver(place, secrets.read)
    with driver._environment() as environment:
        asked = f"protocol=http\nhost={web.host}:{web.port}\n\n"
        done = subprocess.run(["git", "credential", "fill"], input=asked, env=environment, capture_output=True, text=True, check=False)
        assert PASSWORD not in done.stdout
        own = f"protocol=https\nhost={secure_web.host}:{secure_web.port}\n\n"
        done = subprocess.run(["git", "credential", "fill"], input=own, env=environment, capture_output=True, text=True, check=False)
        assert PASSWORD in done.stdout


def test_a_certificate_of_nobodys_is_refused_unless_that_is_allowed(secure_web: Nginx, secrets, tmp_path):
    with pytest.raises(TiphysError, match="certificate"):
        load(GitArtifact(repo=f"{secure_web.url}/public/app.git"), secrets, tmp_path / "out")
    assert version(load(GitArtifact(repo=f"{secure_web.url}/public/app.git", insecure_skip_tls=True), secrets, tmp_path / "out2")) == "3.0"


def test_a_key_opens_a_repository_over_ssh_when_the_host_is_known(ssh: SSHServer, secrets, tmp_path, monkeypatch):
    (tmp_path / "known").write_text(ssh.known_hosts)
    monkeypatch.setenv("SSH_KNOWN_HOSTS", str(tmp_path / "known"))
    place = GitArtifact(repo=ssh.url("app.git"), ssh_private_key_secret=secrets("key", ssh.key), revision="v1.0")
    assert version(load(place, secrets, tmp_path / "out")) == "1.0"


def test_a_key_without_its_last_newline_works_and_so_does_a_host_that_is_not_looked_at(ssh: SSHServer, secrets, tmp_path):
    place = GitArtifact(repo=ssh.url("app.git"), ssh_private_key_secret=secrets("key", ssh.key.strip()), insecure_ignore_host_key=True)
    made = load(place, secrets, tmp_path / "out")
    assert (version(made), (made / "lib/lib.txt").exists()) == ("3.0", True)


def test_an_unknown_host_and_a_strange_key_are_forbidden(ssh: SSHServer, secrets, tmp_path):
    with pytest.raises(Forbidden, match="Host key verification failed"):
        load(GitArtifact(repo=ssh.url("app.git"), ssh_private_key_secret=secrets("key", ssh.key)), secrets, tmp_path / "out")
    strange = secrets("strange", (ssh.folder / "stranger").read_text())
    with pytest.raises(Forbidden, match="Permission denied"):
        load(GitArtifact(repo=ssh.url("app.git"), ssh_private_key_secret=strange, insecure_ignore_host_key=True), secrets, tmp_path / "out2")


def test_a_key_from_another_system_works_and_one_that_nobody_can_use_is_told(ssh: SSHServer, secrets, tmp_path):
    def place(name: str, key: str) -> GitArtifact:
        return GitArtifact(repo=ssh.url("app.git"), ssh_private_key_secret=secrets(name, key), insecure_ignore_host_key=True)

    assert version(load(place("windows", ssh.key.replace("\n", "\r\n")), secrets, tmp_path / "out")) == "3.0"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "a phrase", "-f", tmp_path / "key"], check=True)
    with pytest.raises(SpecError, match=r"^git\.sshPrivateKeySecret: .* the key has a passphrase"):
        load(place("phrase", (tmp_path / "key").read_text()), secrets, tmp_path / "out2")
    with pytest.raises(SpecError, match="holds no private key that OpenSSH reads"):
        load(place("cut", ssh.key[:200]), secrets, tmp_path / "out3")


@pytest.fixture
def everybodys() -> Iterator[pathlib.Path]:
    """A folder that others may enter; those of tests are closed to them again by whoever starts tests on this machine."""
    with tempfile.TemporaryDirectory(prefix="tiphys-") as folder:
        pathlib.Path(folder).chmod(0o755)
        yield pathlib.Path(folder)


def test_ssh_works_as_a_user_that_the_image_does_not_know(ssh: SSHServer, everybodys):
    Secrets(everybodys / "secrets")("key", ssh.key)
    for one in (everybodys / "secrets", *(everybodys / "secrets").rglob("*")):
        one.chmod(0o755)
    (space := everybodys / "space").mkdir()
    space.chmod(0o777)
    words = [ssh.url("app.git"), str(everybodys / "secrets"), str(space / "out")]
    known = {**os.environ, "TMPDIR": str(space)}
    done = subprocess.run([sys.executable, "-c", AS_A_STRANGER, *words], env=known, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert version(space / "out") == "3.0"


@pytest.mark.parametrize(
    "repo",
    ["", "--upload-pack=touch /tmp/pwned", "-oProxyCommand=x", "ext::sh -c touch% /tmp/pwned", "file:///etc", "/etc", "../x", "fd::7",
     "ssh://-oProxyCommand=touch/x", "user@-host:x", "https://", "host:-x", "http://h\n/x", "ftp://h/x"],
)  # fmt: skip
def test_a_repository_that_is_an_option_a_command_or_a_file_is_refused(secrets, repo):
    with pytest.raises(SpecError, match=r"^git\.repo: "):
        GitDriver(GitArtifact(repo=repo), secrets.read)


@pytest.mark.parametrize("field", ["revision", "branch"])
@pytest.mark.parametrize("value", ["--upload-pack=x", "-x", "a b", "a\nb"])
def test_a_revision_that_is_an_option_is_refused(secrets, field, value):
    with pytest.raises(SpecError, match=rf"^git\.{field}: "):
        GitDriver(GitArtifact(repo="https://h/x", **{field: value}), secrets.read)


def test_a_submodule_cannot_use_another_protocol(web: Nginx, repository: Repository, secrets, tmp_path):
    evil = tmp_path / "evil"
    evil.mkdir()
    git(evil, "init", "-q", "-b", "main")
    (evil / ".gitmodules").write_text(f'[submodule "lib"]\n\tpath = lib\n\turl = file://{repository.folder}/lib.git\n')
    git(evil, "add", "-A")
    sha = git(repository.folder / "lib.git", "rev-parse", "HEAD")
    git(evil, "update-index", "--add", "--cacheinfo", f"160000,{sha},lib")
    git(evil, "commit", "-q", "-m", "x")
    git(tmp_path, "clone", "-q", "--mirror", str(evil), str(repository.folder / "evil.git"))
    with pytest.raises(TiphysError, match="not allowed"):
        load(GitArtifact(repo=f"{web.url}/public/evil.git"), secrets, tmp_path / "out")


def published(repository: Repository, tmp_path: pathlib.Path, name: str, files: dict[str, bytes]) -> None:
    (work := tmp_path / "work").mkdir()
    git(work, "init", "-q", "-b", "main")
    for file, content in files.items():
        (work / file).write_bytes(content)
    git(work, "-c", "core.compression=0", "add", "-A")
    git(work, "commit", "-q", "-m", "x")
    git(tmp_path, "clone", "-q", "--mirror", str(work), str(repository.folder / name))


def test_pointers_of_lfs_are_told(web: Nginx, repository: Repository, secrets, tmp_path, capsys):
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
    published(repository, tmp_path, "lfs.git", {".gitattributes": b"*.bin filter=lfs diff=lfs merge=lfs -text\n", "a.bin": pointer})
    made = load(GitArtifact(repo=f"{web.url}/public/lfs.git"), secrets, tmp_path / "out")
    assert (made / "a.bin").read_bytes() == pointer
    assert "lfs.git: files that Git LFS keeps elsewhere are pointers to them" in capsys.readouterr().err
    load(GitArtifact(repo=f"{web.url}/public/app.git"), secrets, tmp_path / "other")
    assert "LFS" not in capsys.readouterr().err


_MEASURED = """
import pathlib, resource, sys
from tiphys.artifacts.git import GitDriver
from tiphys.model.locations import GitArtifact
GitDriver(GitArtifact(repo=sys.argv[1]), lambda _: b"").load("", pathlib.Path(sys.argv[2]))
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
"""


def test_a_big_file_passes_with_flat_memory(web: Nginx, repository: Repository, tmp_path):
    content = os.urandom(40 << 20)
    published(repository, tmp_path, "big.git", {"big": content})
    command = [sys.executable, "-c", _MEASURED, f"{web.url}/public/big.git", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    assert (tmp_path / "out/big").read_bytes() == content
    assert int(done.stdout) < 60, "git's largest process, in MiB"


def test_what_is_not_there_is_told(web: Nginx, secrets, tmp_path):
    with pytest.raises(NotFound, match=r"none\.git"):
        load(GitArtifact(repo=f"{web.url}/public/none.git"), secrets, tmp_path / "out")
    with pytest.raises(NotFound, match="revision 'nowhere'"):
        load(GitArtifact(repo=f"{web.url}/public/app.git", revision="nowhere"), secrets, tmp_path / "out2")


def test_nothing_but_loading_is_supported(secrets):
    driver = GitDriver(GitArtifact(repo="https://h/x"), secrets.read)
    for method, arguments in (("save", ("", [])), ("stream", ("",)), ("list", ("",)), ("delete", ("",))):
        with pytest.raises(InvalidManifest, match="not supported for git artifacts"):
            getattr(driver, method)(*arguments)


def test_the_files_with_credentials_are_for_their_owner_only_and_gone_afterwards(secrets):
    place = GitArtifact(repo="https://h/x", username_secret=secrets("u", "u"), password_secret=secrets("p", PASSWORD))
    with GitDriver(place, secrets.read)._environment() as environment:
        home = pathlib.Path(environment["HOME"])
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        assert PASSWORD not in " ".join(environment.values())
    assert not home.exists()


def test_the_keys_of_public_hosts_are_those_that_they_publish():
    """Source: the hosts' own documentation of their SSH fingerprints."""
    from tiphys.artifacts.git import KNOWN_HOSTS

    listed = subprocess.run(["ssh-keygen", "-lf", KNOWN_HOSTS[-1]], capture_output=True, text=True, check=True).stdout
    found = {line.split()[2]: line.split()[1] for line in listed.splitlines()}
    assert found == {
        "github.com": "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU",
        "gitlab.com": "SHA256:eUXGGm1YGsMAS7vkcx6JOJdOGHPem5gQp4taiCfCLB8",
        "bitbucket.org": "SHA256:ybgmFkzwOSotHTHLJgHO0QN8L0xErw6vd0VhFA9m3SM",
    }

"""How a server looks into repositories, against git's own servers: what is found, where it goes, and where it does not."""

import gzip
import io
import pathlib
import tarfile

import pytest
from tests.servers.nginx import PASSWORD, USER, Nginx
from tests.servers.repository import Repository, SSHServer, git
from tests.servers.secrets import Secrets

from tiphys.artifacts.drivers import open_driver
from tiphys.artifacts.git_tree import GitTree
from tiphys.artifacts.guard import guarded
from tiphys.errors import Forbidden, NotFound, SpecError, TiphysError
from tiphys.model.arguments import Artifact
from tiphys.model.locations import GitArtifact


@pytest.fixture
def secrets(tmp_path: pathlib.Path) -> Secrets:
    return Secrets(tmp_path / "secrets")


def tree(secrets: Secrets, repo: str, **more: object) -> GitTree:
    with guarded():
        made = open_driver(Artifact(git=GitArtifact(repo=repo, **more)), secrets.read)
    assert isinstance(made, GitTree)
    return made


def read(one: GitTree, path: str) -> str:
    return b"".join(one.stream(path)).decode().strip()


@pytest.mark.parametrize(
    ("revision", "want"),
    [("", "3.0"), ("main", "3.0"), ("v1.0", "1.0"), ("refs/tags/v1.0", "1.0"), ("refs/heads/feature/x", "feature"),
     ("refs/pull/7/head", "pull request"), ("ONE", "1.0"), ("ONE short", "1.0")],
)  # fmt: skip
def test_a_file_of_every_kind_of_revision_is_read(web: Nginx, repository: Repository, secrets, revision, want):
    if revision.startswith("ONE"):
        revision = repository.one[:10] if "short" in revision else repository.one
    assert read(tree(secrets, f"{web.url}/public/app.git", revision=revision), "/VERSION") == want


def test_folders_are_listed_and_the_whole_is_an_archive(web: Nginx, secrets):
    one = tree(secrets, f"{web.url}/public/app.git")
    assert (one.is_directory(""), one.is_directory("/VERSION"), one.is_directory("/none")) == (True, False, False)
    assert list(one.list("")) == ["/.gitmodules", "/VERSION", "/lib"]
    assert list(one.list("/VERSION")) == []
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(b"".join(one.stream(""))))) as archive:
        assert sorted(archive.getnames()) == [".gitmodules", "VERSION", "lib"]
    for missing in ("/none", "/lib", "/VERSION/x", "/../VERSION"):
        with pytest.raises(NotFound):
            list(one.stream(missing))


def test_what_is_fetched_goes_with_who_looked(web: Nginx, secrets):
    one = tree(secrets, f"{web.url}/public/app.git")
    folder = one._open()
    assert read(one, "/VERSION") == "3.0"
    assert not (folder / "VERSION").exists(), "nothing is checked out"
    del one
    assert not folder.exists()


def test_credentials_open_what_they_are_for(web: Nginx, ssh: SSHServer, secrets, tmp_path, monkeypatch):
    known = tmp_path / "known"
    known.write_text(ssh.known_hosts)
    monkeypatch.setenv("SSH_KNOWN_HOSTS", str(known))
    user, password = secrets("user", USER), secrets("password", PASSWORD)
    assert read(tree(secrets, f"{web.url}/private/app.git", username_secret=user, password_secret=password), "/VERSION") == "3.0"
    assert read(tree(secrets, ssh.url("app.git"), ssh_private_key_secret=secrets("key", ssh.key)), "/VERSION") == "3.0"
    with pytest.raises(Forbidden):
        read(tree(secrets, f"{web.url}/private/app.git"), "/VERSION")
    known.write_text(ssh.known_hosts.replace(f"]:{ssh.port}", f"]:{ssh.port + 1}"))
    with pytest.raises(Forbidden, match="verification"):
        read(tree(secrets, ssh.url("app.git"), ssh_private_key_secret=secrets("key", ssh.key)), "/VERSION")


def test_the_name_that_was_looked_at_is_the_address_that_is_asked(web: Nginx, secrets, monkeypatch):
    """The name means another address afterwards, as an attacker's does: git is told the first one."""
    port = web.port
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: [(0, 0, 0, "", ("127.0.0.1", port))])
    one = tree(secrets, f"http://rebound.invalid:{port}/public/app.git")
    assert read(one, "/VERSION") == "3.0", "nobody but us could resolve it"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "169.254.169.254"])
@pytest.mark.parametrize("scheme", ["http", "ssh"])
def test_a_server_in_a_pod_looks_into_nothing_of_its_own(web: Nginx, secrets, monkeypatch, host, scheme):
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    with pytest.raises(Forbidden, match="not served"):
        tree(secrets, f"{scheme}://{host}:{web.port}/public/app.git")


def test_redirects_are_not_followed(secure_web: Nginx, secrets):
    with pytest.raises(TiphysError) as caught:
        read(tree(secrets, f"{secure_web.url}/elsewhere/app.git", insecure_skip_tls=True), "/VERSION")
    assert "redirect" in caught.value.message.lower() or "302" in caught.value.message


@pytest.mark.parametrize("repo", ["git://host/x", "http://good\\@127.0.0.1/x", "http://a@b@127.0.0.1/x y", "https://[::1%25lo]/x", "http://h_/x", "http:///x"])
def test_what_is_no_plain_address_is_refused(secrets, repo):
    with pytest.raises(SpecError):
        tree(secrets, repo)


def test_a_link_in_a_repository_is_text(secrets, tmp_path, web: Nginx, repository: Repository):
    work = tmp_path / "work"
    work.mkdir()
    git(work, "init", "-q", "-b", "main")
    (work / "link").symlink_to("/etc/passwd")
    git(work, "add", "link")
    git(work, "commit", "-q", "-m", "x")
    git(tmp_path, "clone", "-q", "--mirror", str(work), str(repository.folder / "linked.git"))
    assert read(tree(secrets, f"{web.url}/public/linked.git"), "/link") == "/etc/passwd"

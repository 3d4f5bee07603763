"""nginx with a folder to read and write by basic auth (as Artifactory is used), and git repositories over HTTP behind fcgiwrap."""

import base64
import hashlib
import os
import pathlib
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from tests.servers.certificates import certificates
from tests.servers.process import free_port, running

USER, PASSWORD = "tester", "http-test-canary-secret"
_CONF = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log; user root;
events {{ worker_connections 64; }}
http {{
  access_log {folder}/access.log; client_max_body_size 0; client_body_temp_path {folder}/body; fastcgi_temp_path {folder}/fastcgi;
  proxy_temp_path {folder}/proxy; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen {host}:{port} {ssl};
    {certificates}
    location /open/ {{ alias {folder}/files/; }}
    location /files/ {{ auth_basic x; auth_basic_user_file {folder}/users; alias {folder}/files/; dav_methods PUT DELETE; create_full_put_path on; }}
    location /certified/ {{ if ($ssl_client_verify != SUCCESS) {{ return 403; }} alias {folder}/files/; }}
    {repositories}
    location /elsewhere/ {{ return 302 {elsewhere}; }}
  }}
}}
"""


_REPOSITORIES = """
    location ~ ^/{name}/(.*)$ {{
      {auth}
      include /etc/nginx/fastcgi_params;
      fastcgi_param SCRIPT_FILENAME /usr/lib/git-core/git-http-backend;
      fastcgi_param GIT_PROJECT_ROOT {folder}/repos;
      fastcgi_param GIT_HTTP_EXPORT_ALL 1;
      fastcgi_param PATH_INFO /$1;
      fastcgi_pass unix:{folder}/fcgi.sock;
    }}
"""


class Nginx:
    def __init__(self, folder: pathlib.Path, host: str, port: int, scheme: str) -> None:
        self.folder, self.host, self.port, self.scheme = folder, host, port, scheme

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"

    @property
    def files(self) -> pathlib.Path:
        return self.folder / "files"

    @property
    def authority(self) -> str:
        return (self.folder / "ca.crt").read_text()


def sha1(password: str) -> str:
    return "{SHA}" + base64.b64encode(hashlib.sha1(password.encode()).digest()).decode()  # noqa: S324 the format's own


@contextmanager
def nginx(
    folder: pathlib.Path, *, host: str = "127.0.0.1", port: int = 0, tls: bool = False, repos: pathlib.Path | None = None, elsewhere: str = ""
) -> Iterator[Nginx]:
    """Serves `folder/files`, and below /private and /public the repositories of `repos`."""
    port = port or free_port(host)
    (folder / "files").mkdir(parents=True, exist_ok=True)
    (folder / "users").write_text(f"{USER}:{sha1(PASSWORD)}\n")
    if repos is not None:
        (folder / "repos").symlink_to(repos)
    if tls:
        certificates(folder, host)
    lines = f"ssl_certificate {folder}/server.crt; ssl_certificate_key {folder}/server.key; ssl_client_certificate {folder}/ca.crt; ssl_verify_client optional;"
    auth = f"auth_basic x; auth_basic_user_file {folder}/users;"
    served = "".join(_REPOSITORIES.format(name=name, auth=sign, folder=folder) for name, sign in (("private", auth), ("public", "")))
    (folder / "nginx.conf").write_text(
        _CONF.format(folder=folder, host=host, port=port, ssl="ssl" if tls else "", certificates=lines if tls else "", repositories=served,
                     elsewhere=elsewhere or "http://127.0.0.1:1/")
    )  # fmt: skip
    env = {**os.environ, "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
    wrap = _fcgiwrap(folder, env) if repos is not None else nullcontext()
    with wrap, running(["nginx", "-p", folder, "-e", folder / "error.log", "-c", folder / "nginx.conf"], port, folder / "nginx.log", host=host):
        yield Nginx(folder, host, port, "https" if tls else "http")


@contextmanager
def _fcgiwrap(folder: pathlib.Path, env: dict[str, str]) -> Iterator[None]:
    command = ["fcgiwrap", "-c", "2", "-s", f"unix:{folder}/fcgi.sock"]
    process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        yield
    finally:
        # it does not end its workers
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(10)

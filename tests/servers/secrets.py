"""Secrets of a test, written where executors find them."""

import pathlib

from tiphys.artifacts.secrets import SecretReader, mounted
from tiphys.model.base import KeySelector


class Secrets:
    """Each value is key `value` of a secret of its own."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.read: SecretReader = mounted(folder)

    def __call__(self, name: str, value: str | bytes) -> KeySelector:
        path = self.folder / name / "value"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(value if isinstance(value, bytes) else value.encode())
        return KeySelector(name=name, key="value")

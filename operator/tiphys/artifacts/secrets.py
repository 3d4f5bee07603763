"""Where drivers read the values of secrets from: files that the pod mounts, or whatever the caller knows."""

from collections.abc import Callable
from pathlib import Path

from tiphys.artifacts.folder import parts_of
from tiphys.errors import SpecError
from tiphys.model.base import KeySelector

#: The bytes of a secret's key; raises SpecError when it is not there.
SecretReader = Callable[[KeySelector], bytes]


def mounted(folder: Path) -> SecretReader:
    """Reads `<folder>/<name>/<key>`."""

    def read(selector: KeySelector) -> bytes:
        try:
            return folder.joinpath(*parts_of(selector.name), *parts_of(selector.key)).read_bytes()
        except OSError as e:
            raise SpecError(f"secret {selector.name!r} has no key {selector.key!r}") from e

    return read


def text_of(read: SecretReader, selector: KeySelector | None) -> str:
    """The secret's text without white space around it (files made by hand end with a newline); empty where none is asked for.

    Raises:
        SpecError: It is not there, though not optional, or is no text.
    """
    if selector is None or not selector.name:
        return ""
    try:
        return read(selector).decode().strip()
    except UnicodeDecodeError as e:
        raise SpecError(f"key {selector.key!r} of secret {selector.name!r} is no text") from e
    except SpecError:
        if selector.optional:
            return ""
        raise

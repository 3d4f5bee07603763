"""Values of Secrets, read when they are needed and kept in memory only."""

import base64
import binascii
from collections.abc import Awaitable, Callable, Iterable

import msgspec

from tiphys.errors import NotFound, SpecError
from tiphys.model.base import KeySelector
from tiphys.model.places import CONFIG_MAP
from tiphys.ports import Objects


class _Secret(msgspec.Struct, frozen=True):
    data: dict[str, str] = {}


def secret_reader(objects: Objects, namespace: str) -> Callable[[str, str], Awaitable[str]]:
    """Reads a key of a Secret of the namespace: name, key.

    The reader raises NotFound where there is no such Secret or key, and the API server's other errors.
    """

    async def read(name: str, key: str) -> str:
        data = msgspec.json.decode(await objects.read("Secret", namespace, name), type=_Secret).data
        if key not in data:
            raise NotFound(f"Secret {namespace}/{name} has no key {key!r}", hint=f"it has {', '.join(sorted(data)) or 'none'}")
        try:
            return base64.b64decode(data[key]).decode().strip()
        except (binascii.Error, UnicodeDecodeError):
            raise NotFound(f"key {key!r} of Secret {namespace}/{name} is no text") from None

    return read


async def read_secrets(objects: Objects, namespace: str, selectors: Iterable[KeySelector]) -> Callable[[KeySelector], bytes]:
    """What answers with the bytes of a key of a Secret, or of a ConfigMap that is marked as one, for these selectors.

    It raises SpecError where there is none.

    Raises:
        Forbidden: The Secrets may not be read.
        OutsideError: The cluster does not answer.
    """
    known: dict[str, dict[str, str]] = {}
    for name in dict.fromkeys(selector.name for selector in selectors):
        kind, own = ("ConfigMap", name.removeprefix(CONFIG_MAP)) if name.startswith(CONFIG_MAP) else ("Secret", name)
        try:
            known[name] = msgspec.json.decode(await objects.read(kind, namespace, own), type=_Secret).data
        except NotFound:
            known[name] = {}

    def value(selector: KeySelector) -> bytes:
        try:
            text = known[selector.name][selector.key]
            return text.encode() if selector.name.startswith(CONFIG_MAP) else base64.b64decode(text, validate=True)
        except (KeyError, binascii.Error) as e:
            raise SpecError(f"secret {selector.name!r} has no key {selector.key!r}") from e

    return value

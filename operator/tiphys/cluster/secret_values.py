"""Values of Secrets, read when they are needed and kept nowhere."""

import base64
import binascii
from collections.abc import Awaitable, Callable

import msgspec

from tiphys.errors import NotFound
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

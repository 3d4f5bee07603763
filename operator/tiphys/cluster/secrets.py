"""Values of secrets, read from the cluster by whoever may: for programs outside of pods. They are kept in memory only."""

import base64
import binascii
from collections.abc import Callable, Iterable

import msgspec

from tiphys.errors import NotFound, SpecError
from tiphys.model.base import KeySelector
from tiphys.model.parse import parse_as
from tiphys.ports import Objects


class _Secret(msgspec.Struct, frozen=True):
    data: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"_Secret({sorted(self.data)})"


async def read_secrets(objects: Objects, namespace: str, selectors: Iterable[KeySelector]) -> Callable[[KeySelector], bytes]:
    """What answers with the bytes of a secret's key, for these selectors.

    Raises:
        Forbidden: The secrets may not be read.
        OutsideError: The cluster does not answer.
    """
    known: dict[str, dict[str, str]] = {}
    for selector in selectors:
        if selector.name not in known:
            try:
                found = parse_as(_Secret, await objects.read("Secret", namespace, selector.name))
                known[selector.name] = found.data
            except NotFound:
                known[selector.name] = {}

    def value(selector: KeySelector) -> bytes:
        try:
            return base64.b64decode(known[selector.name][selector.key], validate=True)
        except (KeyError, binascii.Error) as e:
            raise SpecError(f"secret {selector.name!r} has no key {selector.key!r}") from e

    return value

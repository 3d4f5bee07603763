"""What drivers of places that can only be read say to everything else."""

from collections.abc import Iterable, Iterator
from typing import ClassVar

from tiphys.errors import InvalidManifest


class LoadOnly:
    """The root of such drivers."""

    kind: ClassVar[str]

    def _refusal(self, what: str) -> InvalidManifest:
        return InvalidManifest(f"{what} is not supported for {self.kind} artifacts")

    def save(self, _key: str, _content: Iterable[bytes], _size: int = -1) -> None:
        """Refused."""
        raise self._refusal("saving")

    def stream(self, _key: str) -> Iterator[bytes]:
        """Refused."""
        raise self._refusal("streaming")

    def list(self, _prefix: str) -> Iterator[str]:
        """Refused."""
        raise self._refusal("listing")

    def delete(self, _key: str) -> None:
        """Refused."""
        raise self._refusal("deleting")

    def is_directory(self, _key: str) -> bool:
        """Never."""
        return False

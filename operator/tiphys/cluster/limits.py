"""Limits of semaphores that are keys of a ConfigMap, as users set them.

Source: argo-semantics 16.2.
"""

from typing import Protocol

import msgspec

from tiphys.cluster.api import Api, path_of
from tiphys.errors import AlreadyExists, NotFound, SpecError

LONGEST_KEY = 200


class Limits(Protocol):
    """Limits by namespace and key, wherever they are kept."""

    async def read(self, namespace: str, key: str) -> int:
        """A limit; NotFound where there is none."""
        ...

    async def create(self, namespace: str, key: str, limit: int) -> None:
        """Set one that is not there; AlreadyExists where it is."""
        ...

    async def replace(self, namespace: str, key: str, limit: int) -> None:
        """Change one that is there; NotFound where there is none."""
        ...

    async def delete(self, namespace: str, key: str) -> None:
        """Forget one; one that is not there is no error."""
        ...


def check_size(size: int, path: str) -> None:
    """Return when it is one that a limit may have.

    Raises:
        SpecError: It is not.
    """
    if size <= 0:
        raise SpecError("limit must be greater than zero", path=path)


class ConfigMapLimits:
    """The keys of one ConfigMap in each namespace.

    Args:
        api: The cluster, with the rights of who asks.
        name: The ConfigMap's.
    """

    def __init__(self, api: Api, name: str) -> None:
        self._api, self._name = api, name

    async def read(self, namespace: str, key: str) -> int:
        """A limit.

        Raises:
            NotFound: There is none.
            SpecError: What is there is no number.
        """
        text = (await self._entries(namespace)).get(key)
        if text is None:
            raise self._missing(key)
        if not text.strip().isdecimal():
            raise SpecError(f"{text!r} is no limit", path=f"data.{key}")
        return int(text)

    async def create(self, namespace: str, key: str, limit: int) -> None:
        """Set a limit that is not there; its ConfigMap is made where there is none.

        Raises:
            AlreadyExists: The limit is there.
        """
        try:
            is_set = key in await self._entries(namespace)
        except NotFound:
            body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": self._name}, "data": {key: str(limit)}}
            await self._api.call("POST", "ConfigMap", path_of("ConfigMap", namespace), body=body)
            return
        if is_set:
            raise AlreadyExists(f"the limit {key!r} is set in ConfigMap {self._name!r}")
        await self._write(namespace, key, str(limit))

    async def replace(self, namespace: str, key: str, limit: int) -> None:
        """Change a limit that is there.

        Raises:
            NotFound: There is none.
        """
        if key not in await self._entries(namespace):
            raise self._missing(key)
        await self._write(namespace, key, str(limit))

    async def delete(self, namespace: str, key: str) -> None:
        """Forget a limit; one that is not there is no error, one whose ConfigMap is not there is.

        Raises:
            NotFound: There is no such ConfigMap.
        """
        if key in await self._entries(namespace):
            await self._write(namespace, key, None)

    async def _entries(self, namespace: str) -> dict[str, str]:
        found = msgspec.json.decode(await self._api.read("ConfigMap", namespace, self._name))
        return dict(found.get("data") or {})

    async def _write(self, namespace: str, key: str, value: str | None) -> None:
        await self._api.patch("ConfigMap", namespace, self._name, {"data": {key: value}})

    def _missing(self, key: str) -> NotFound:
        return NotFound(f"ConfigMap {self._name!r} has no limit {key!r}")

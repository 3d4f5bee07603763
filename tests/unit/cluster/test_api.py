import asyncio

from tiphys.cluster.api import Api
from tiphys.cluster.connection import Access


class Answers(Api):
    """A server that answers every request with the same words."""

    def __init__(self, words: bytes) -> None:
        super().__init__(Access(server="http://localhost"))
        self._words = words

    async def call(self, *_, **__):
        return self._words


def test_a_list_whose_items_are_null_is_empty():
    async def pages():
        return [page async for page in Answers(b'{"metadata": {}, "items": null}').list("Workflow")]

    (page,) = asyncio.run(pages())
    assert page.items == ()

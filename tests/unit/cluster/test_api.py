import asyncio

import pytest

from tiphys.cluster.api import Api, as_error
from tiphys.cluster.connection import Access
from tiphys.errors import Unavailable


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


@pytest.mark.parametrize("words", [b"<html>", b'{"metadata": {"continue": "\xe9"}}'], ids=["a page", "no UTF-8"])
def test_a_list_that_cannot_be_read_is_asked_for_again(words):
    async def pages():
        return [page async for page in Answers(words).list("Workflow")]

    with pytest.raises(Unavailable, match="no list of Workflow"):
        asyncio.run(pages())


def test_a_refusal_that_is_no_utf8_is_told_as_far_as_it_can_be_read():
    assert as_error(400, b'{"message": "caf\xe9"}').message == '{"message": "caf\ufffd"}'

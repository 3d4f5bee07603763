"""How one program asks another for something: by a socket of the user's own."""

import asyncio
import os
import pathlib
import stat

import pytest

from tiphys.errors import Unavailable
from tiphys.local.channel import Message, Reply, answering, ask, listening

MESSAGE = Message(verb="PATCH", path="/apis/x", query={"a": "1"}, headers={"Accept": "json"}, body=b'{"spec": "' + b"x" * 300_000 + b'"}')


async def test_a_message_of_any_size_arrives_whole_and_so_does_its_answer() -> None:
    heard: list[Message] = []

    def answer(message: Message) -> Reply:
        heard.append(message)
        return Reply(201, message.body)

    with listening() as listener:
        waiting = asyncio.create_task(ask(pathlib.Path(listener.getsockname()), MESSAGE))
        async with answering(listener, answer):
            assert await waiting == Reply(201, MESSAGE.body)
    assert heard == [MESSAGE]


async def test_only_its_user_reaches_it_and_it_is_gone_in_the_end() -> None:
    with listening() as listener:
        folder = pathlib.Path(listener.getsockname()).parent
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert folder.stat().st_uid == os.getuid()
    assert not folder.exists()
    with pytest.raises(Unavailable, match="does not answer"):
        await ask(folder / "run", MESSAGE)


@pytest.mark.parametrize("said", [b"", b"[]", b'{"verb": 3}', b"\xff" * 100_000])
async def test_what_is_no_message_is_refused_and_the_next_one_heard(said: bytes) -> None:
    with listening() as listener:
        async with answering(listener, lambda message: Reply(200, message.body)):
            reader, writer = await asyncio.open_unix_connection(listener.getsockname())
            writer.write(said)
            writer.write_eof()
            assert b'"status":400' in await reader.read()
            writer.close()
            assert await ask(pathlib.Path(listener.getsockname()), MESSAGE) == Reply(200, MESSAGE.body)

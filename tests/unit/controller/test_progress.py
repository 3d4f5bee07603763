"""Progress is read from logs while pods run, and only then."""

import asyncio
import json

from tiphys.controller.progress import ProgressReader
from tiphys.errors import Unavailable
from tiphys.pods.read import read_pod
from tiphys.pods.view import parse_pod


def pod(state):
    spec = {"containers": [{"name": "main"}], "initContainers": [{"name": "tiphys-progress", "restartPolicy": "Always"}]}
    status = {"phase": "Running", "initContainerStatuses": [{"name": "tiphys-progress", "state": state}]}
    return parse_pod(
        json.dumps({"metadata": {"name": "p", "namespace": "n", "uid": "u"}, "spec": spec, "status": status}).encode()
    )


RUNNING, ENDED = pod({"running": {}}), pod({"terminated": {"exitCode": 0}})


class Said:
    """Logs that say one thing after the other, the last one again and again."""

    def __init__(self, *tails: bytes | Exception) -> None:
        self.tails = list(tails)
        self.is_said = asyncio.Event()

    async def tail(self, namespace, pod, container, *, limit_bytes):
        assert limit_bytes
        assert (namespace, pod, container) == ("n", "p", "tiphys-progress")
        said = self.tails.pop(0)
        if not self.tails:
            self.is_said.set()
            self.tails.append(said)
        if isinstance(said, Exception):
            raise said
        return said


async def lived(logs, heard):
    tasks = []
    reader = ProgressReader(logs, lambda work: tasks.append(asyncio.ensure_future(work)), lambda *one: heard.append(one), 0.001)
    reader.heard("n/p", RUNNING, read_pod(RUNNING))
    async with asyncio.timeout(20):
        await logs.is_said.wait()
        await asyncio.gather(*tasks)
    return reader


def test_what_the_log_says_last_is_heard_once_and_stands_in_reports():
    async def live():
        heard = []
        reader = await lived(Said(b"", Unavailable("away"), b"1/9\n2/9\n", b"2/9\n"), heard)
        report = reader.heard("n/p", RUNNING, read_pod(RUNNING))
        reader.close()
        return heard, report

    heard, report = asyncio.run(live())
    assert heard == [("n/p", RUNNING)]
    assert report.progress == "2/9"


def test_a_pod_that_has_ended_or_gone_is_read_no_more():
    async def live():
        logs = Said(b"1/9\n")
        reader = await lived(logs, [])
        assert reader.heard("n/p", ENDED, read_pod(ENDED)).progress == "1/9"
        reader.forget(ENDED)
        assert not reader.heard("n/p", ENDED, read_pod(ENDED)).progress
        assert not reader._running
        reader.close()

    asyncio.run(live())

"""Spans of what a controller does itself, beside those of what it runs."""

from collections import Counter

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.integration.controller.conftest import Harbour, harbour_with, place

from tiphys.model.trace import span_id
from tiphys.telemetry.tracing import open_spans
from tiphys.testing.apiserver import Ending

GUARDED = """
entrypoint: main
synchronization: {mutexes: [{name: whole}]}
templates:
- {name: main, steps: [[{name: s, template: a}]]}
- {name: a, synchronization: {mutexes: [{name: part}]}, container: {image: i, command: [a]}}
"""


async def spans_of(harbour: Harbour, *names: str) -> tuple[ReadableSpan, ...]:
    """What is told until all have ended and the controller has."""
    exporter = InMemorySpanExporter()
    spans = open_spans(exporter)
    life = await harbour.controller(spans)
    await harbour.finished(*names)
    await harbour.stop(life)
    spans.close()
    return exporter.get_finished_spans()


async def test_a_controller_tells_its_start_its_turns_its_writes_and_the_locks_that_are_waited_for() -> None:
    async with harbour_with(lambda _pod: Ending(seconds=2)) as harbour:
        for name in ("first", "second"):
            harbour.submit(GUARDED, name)
        told = await spans_of(harbour, "first", "second")
        for name in ("first", "second"):
            uid = harbour.workflow(name)["metadata"]["uid"]
            own = [span for span in told if span.parent is not None and span.parent.span_id == span_id(uid, "workflow")]
            locks = {str((span.attributes or {})["lock_name"]): span for span in own if span.name == "tryAcquireLock"}
            node = next(key for key, one in harbour.status(name)["nodes"].items() if one["type"] == "Pod")
            assert {key: (span.attributes or {})["acquired"] for key, span in locks.items()} == {"workflow-sync": True, node: True}
            counted = Counter(span.name for span in own)
            assert min(counted["reconcileWorkflow"], counted["persistUpdates"]) > 1
        waits = sorted(span.end_time - span.start_time for span in told
                       if span.name == "tryAcquireLock" and span.attributes and span.attributes["lock_name"] == "workflow-sync"
                       and span.end_time is not None and span.start_time is not None)  # fmt: skip
        assert waits[0] < 2e9 < waits[1]
        assert Counter(span.name for span in told if span.name.startswith("startup")) == {"startupController": 1, "startupCacheSync": 1}


async def test_a_lock_that_is_not_waited_for_any_more_was_not_acquired() -> None:
    async with harbour_with(lambda pod: Ending(hangs=pod["metadata"]["name"].startswith("first"))) as harbour:
        exporter = InMemorySpanExporter()
        spans = open_spans(exporter)
        harbour.submit(GUARDED, "first")
        life = await harbour.controller(spans)
        await harbour.until(lambda: "Running" in harbour.nodes("first").values())
        harbour.submit(GUARDED, "second")
        await harbour.until(lambda: bool(harbour.status("second").get("message")))
        harbour.patch({"spec": {"shutdown": "Terminate"}}, "second")
        await harbour.finished("second")
        harbour.server.store.delete(place("first"))
        await harbour.stop(life)
        spans.close()
        uid = harbour.workflow("second")["metadata"]["uid"]
        (lock,) = [span for span in exporter.get_finished_spans()
                   if span.name == "tryAcquireLock" and span.parent and span.parent.span_id == span_id(uid, "workflow")]  # fmt: skip
        assert (lock.attributes or {})["acquired"] is False

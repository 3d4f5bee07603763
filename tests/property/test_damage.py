"""Whatever stands in what we kept, and in what others wrote into our tables: an answer or an error in our words, and nothing else."""

import asyncio
import contextlib
import hashlib
import json
import pathlib
import sqlite3
import tempfile
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tiphys.controller.last_states import LastStates
from tiphys.controller.waiting import Waiting
from tiphys.errors import SpecError, TiphysError
from tiphys.local.objects import Change, Place, Refusal
from tiphys.local.operations import decode
from tiphys.local.state import State
from tiphys.model.archived import summary_of_text, to_archive
from tiphys.model.compression import compress, decompress
from tiphys.model.packed import document_packing, document_with_nodes
from tiphys.model.parse import parse_workflow

EXAMPLES = settings(max_examples=60, deadline=None, derandomize=True)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=8,
)  # fmt: skip
META = st.fixed_dictionaries({}, optional=dict.fromkeys(("uid", "name", "labels", "annotations", "creationTimestamp"), JSON))
STATUS = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("phase", "startedAt", "finishedAt", "nodes", "compressedNodes", "offloadNodeStatusVersion"), JSON)
)  # fmt: skip
WORKFLOW = st.fixed_dictionaries({}, optional={"metadata": META | JSON, "status": STATUS | JSON, "spec": JSON})
KNOWN = {"uid": "u-1", "name": "job-1", "namespace": "team", "phase": "Succeeded"}
WAITING = Waiting("2026-03-01T12:00:00Z", "u-1", "team", "job-1")
PLACE = Place("apis/argoproj.io/v1alpha1", "workflows", "team", "job-1")
KEPT = {"metadata": {"name": "job-1", "uid": "u-1"}, "spec": {"entrypoint": "main"}, "status": {"phase": "Succeeded", "nodes": {"n": {"id": "n"}}}}


@st.composite
def damage(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """Bytes that are others, cut off, put in, or something else altogether."""
    kind = draw(st.sampled_from(("other", "cut", "more", "nothing of it")))
    where, new = draw(st.floats(0, 1)), draw(st.binary(max_size=40))

    def damaged(content: bytes) -> bytes:
        at = int(where * len(content))
        match kind:
            case "other":
                return content[:at] + new + content[at + len(new) :]
            case "cut":
                return content[:at]
            case "more":
                return content[:at] + new + content[at:]
        return new

    return damaged


@EXAMPLES
@given(damaged=damage())
def test_a_damaged_file_of_a_deleted_workflow_is_an_error_in_our_words(damaged: Callable[[bytes], bytes]) -> None:
    def hurt(file: pathlib.Path) -> None:
        file.write_bytes(damaged(file.read_bytes()))

    async def lives(folder: pathlib.Path, file: pathlib.Path) -> None:
        first = LastStates(folder)
        first.keep(WAITING, KEPT)
        keeping = asyncio.create_task(first.run())
        await asyncio.sleep(0)
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await asyncio.to_thread(hurt, file)
        second = LastStates(folder)
        for one in await second.load():
            with contextlib.suppress(TiphysError):
                assert isinstance(await second.read(one.uid), dict)

    with tempfile.TemporaryDirectory() as folder:
        name = f"{hashlib.sha256(WAITING.uid.encode()).hexdigest()}.workflow"
        asyncio.run(lives(pathlib.Path(folder), pathlib.Path(folder) / name))


@EXAMPLES
@given(damaged=damage())
def test_a_damaged_file_of_this_machine_s_workflows_is_an_error_in_our_words(damaged: Callable[[bytes], bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        state = State(pathlib.Path(folder))
        for number in range(30):
            state.keep(Change(1, "ADDED", PLACE._replace(name=f"job-{number}"), KEPT, None))
        state.close()
        file = pathlib.Path(folder) / "state.db"
        file.write_bytes(damaged(file.read_bytes()))
        with contextlib.suppress(TiphysError):
            look_at(pathlib.Path(folder))


def look_at(folder: pathlib.Path) -> list[tuple[Place, Any]]:
    state = State(folder)
    try:
        state.owner("job-1")
        state.socket("job-1")
        state.was_left("job-1")
        state.version()
        return state.load()
    finally:
        state.close()


@EXAMPLES
@given(document=st.binary(max_size=20) | st.text(max_size=20) | JSON.map(json.dumps), other=st.none() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=9) | st.binary(max_size=9))
def test_a_damaged_row_of_this_machine_keeps_no_other_from_being_read(document: Any, other: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        state = State(pathlib.Path(folder))
        state.keep(Change(1, "ADDED", PLACE, KEPT, None))
        state.close()
        file = sqlite3.connect(pathlib.Path(folder) / "state.db")
        if isinstance(document, str):
            document = document.encode("utf-8", "surrogatepass")
        file.execute("insert or ignore into objects values ('a', 'b', 'c', 'd', '', cast(? as text))", (document,))
        for table, row in (("owners", (other, other)), ("sockets", (other,)), ("processes", (other, other))):
            file.execute(f"insert or ignore into {table} values ('job-1', {', '.join('?' for _ in row)})", row)  # noqa: S608 our own names
        file.commit()
        file.close()
        assert PLACE in [place for place, _ in look_at(pathlib.Path(folder))]


@EXAMPLES
@given(text=st.text(max_size=60) | JSON.map(json.dumps) | WORKFLOW.map(json.dumps))
def test_whatever_an_archive_holds_has_a_line_in_its_list(text: str) -> None:
    assert json.loads(summary_of_text(text, KNOWN))["metadata"]["name"]


@EXAMPLES
@given(document=WORKFLOW)
def test_only_a_finished_workflow_is_archived_and_anything_else_is_an_error_in_our_words(document: dict[str, Any]) -> None:
    try:
        made = to_archive(document)
    except SpecError:
        return
    assert json.loads(made.document)["metadata"]["uid"]


@EXAMPLES
@given(document=WORKFLOW, nodes=st.binary(max_size=40) | JSON.map(lambda one: json.dumps(one).encode()))
def test_whatever_stands_where_nodes_should_be_is_an_error_in_our_words(document: dict[str, Any], nodes: bytes) -> None:
    _, packing = document_packing(document)
    for work in (lambda: decompress(packing.compressed), lambda: document_with_nodes(document, nodes)):
        with contextlib.suppress(SpecError):
            work()


@EXAMPLES
@given(damaged=damage(), algorithm=st.sampled_from(("gzip", "zstd", "brotli")))
def test_damaged_compressed_nodes_are_an_error_in_our_words(damaged: Callable[[bytes], bytes], algorithm: str) -> None:
    text = damaged(compress(b'{"n":{"id":"n"}}' * 50, algorithm).encode()).decode("latin-1")
    with contextlib.suppress(SpecError):
        decompress(text)


@EXAMPLES
@given(damaged=damage())
def test_damaged_manifests_and_requests_are_errors_in_our_words(damaged: Callable[[bytes], bytes]) -> None:
    content = damaged(json.dumps({**KEPT, "metadata": {"name": "käse", "uid": "u-1"}}, ensure_ascii=False).encode())
    with contextlib.suppress(SpecError):
        parse_workflow(content)
    with contextlib.suppress(Refusal):
        decode(content)

"""Records of the shim, whole, framed and damaged."""

import pytest

from tiphys.model.names import fnv1a64
from tiphys.model.record import DamagedRecord, Framed, Record, parse_frame, parse_message, strip_frame

CONTENT = b'{"v":1,"exit":0,"result":"' + b"y" * 20_000 + b'"}'
FRAME = b"\n\x1etiphys-record\n" + b"".join(b"\x1e" + CONTENT[i : i + 12_000] + b"\n" for i in range(0, len(CONTENT), 12_000))
FRAMED = Framed(1, len(CONTENT), f"{fnv1a64(CONTENT):016x}")


def test_a_short_record_stands_in_the_message():
    found = parse_message('{"v":1,"exit":3,"result":"hi","parameters":{"a":"b"},"missing":["c"]}')
    assert found == Record(1, 3, result="hi", parameters={"a": "b"}, missing=("c",))


@pytest.mark.parametrize("text", ["", "OOM", '{"v":1,', '{"v":1,"exit":"x"}', '{"v":2,"exit":0}'])
def test_other_messages_are_no_record(text):
    assert parse_message(text) is None


def test_a_framed_record_is_read_from_the_end_of_the_log():
    log = b"some\nlines" + FRAME
    assert parse_frame(log[-FRAMED.tail_bytes :], FRAMED).result == "y" * 20_000
    assert strip_frame(log) == b"some\nlines"


@pytest.mark.parametrize("log", [b"", FRAME[:-5], FRAME.replace(b"y", b"z", 1)])
def test_a_damaged_frame_is_told(log):
    with pytest.raises(DamagedRecord):
        parse_frame(log, FRAMED)

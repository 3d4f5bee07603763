"""What a Range header asks of a file."""

import pytest

from tiphys.server.ranges import Span, span_of


@pytest.mark.parametrize(
    ("header", "want"),
    [
        ("bytes=0-0", Span(0, 1)), ("bytes=2-", Span(2, 10)), ("bytes=-3", Span(7, 10)), ("bytes=-30", Span(0, 10)), ("bytes=8-99", Span(8, 10)),
        ("bytes=10-", Span(10, 10)), ("bytes=12-20", Span(12, 12)), ("bytes=-0", Span(10, 10)),
        ("", None), ("bytes=", None), ("bytes=-", None), ("bytes=5-2", None), ("bytes=0-1,3-4", None), ("items=0-1", None), ("bytes=a-b", None),
    ],
)  # fmt: skip
def test_one_range_of_bytes_is_understood_and_all_else_means_the_whole(header, want):
    assert span_of(header, 10) == want


def test_an_empty_file_has_no_part():
    assert span_of("bytes=0-", 0) == Span(0, 0)

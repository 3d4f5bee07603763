"""The character that PostgreSQL's JSON cannot hold."""

import json

import pytest

from tiphys.archive.nulls import hide_nulls, plain, show_nulls


@pytest.mark.parametrize("text", ["plain", "a\0b", "\0\0", "\\u0000", "\\\0", "\\\\u0000\0", 'q"\0\\"'])
def test_what_is_hidden_is_valid_json_without_nulls_and_comes_back(text: str) -> None:
    document = json.dumps({"t": text})
    hidden = hide_nulls(document)
    assert "\0" not in json.loads(hidden)["t"]
    assert json.loads(show_nulls(hidden))["t"] == text


@pytest.mark.parametrize("text", ["plain", "käse", "\U0001f680 and \u2603", "\\\u00e9", "\uffff\U0010ffff"])
def test_what_is_plain_is_ascii_and_the_same_json(text: str) -> None:
    document = json.dumps({"t": text, text: 1}, ensure_ascii=False)
    assert plain(document).isascii()
    assert json.loads(plain(document)) == {"t": text, text: 1}

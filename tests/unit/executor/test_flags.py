"""kubectl's arguments without kubectl."""

import pytest

from tiphys.errors import SpecError
from tiphys.executor.flags import parse_flags


def test_switches_values_and_words_are_told_apart():
    flags = parse_flags(("cm", "a", "-n", "other", "--ignore-not-found", "--grace-period=5", "-o", "json", "--wait=false"))
    assert (flags.words, flags.namespace, flags.ignore_not_found, flags.grace_period) == (("cm", "a"), "other", True, "5")
    assert parse_flags(("-lapp=x", "--force=false", "pods")).selector == "app=x"
    assert parse_flags(("--force=false",)).force is False


@pytest.mark.parametrize(
    ("words", "targets"),
    [
        (("cm", "a", "b"), [("cm", "a"), ("cm", "b")]),
        (("cm/a", "secret/b"), [("cm", "a"), ("secret", "b")]),
        (("pods", "-l", "app=x"), [("pods", "")]),
        (("pods", "--all"), [("pods", "")]),
    ],
)
def test_words_name_objects(words, targets):
    assert parse_flags(words).targets() == targets


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--ignore-not-fund",), "flag --ignore-not-fund is not known without kubectl, did you mean '--ignore-not-found'?"),
        (("-n",), "flag -n has no value"),
    ],
)
def test_what_is_not_known_is_refused_by_name(words, message):
    with pytest.raises(SpecError, match=message.replace("?", r"\?")):
        parse_flags(words)


def test_what_names_nothing_is_refused():
    with pytest.raises(SpecError, match="cm names no object"):
        parse_flags(("cm",)).targets()
    with pytest.raises(SpecError, match="server or none"):
        parse_flags(("--dry-run=client",)).query()
    assert parse_flags(("--dry-run=server",)).query() == {"dryRun": "All"}

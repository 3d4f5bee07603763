"""How objects go to their store."""

import pytest

from tiphys.artifacts.objects import ENV_PART, ENV_THREADS, PART, upload_settings
from tiphys.errors import SpecError


@pytest.mark.parametrize(
    ("environ", "part", "uploads"),
    [({}, PART, 4), ({ENV_PART: "16"}, 16 << 20, 4), ({ENV_THREADS: "8", ENV_PART: ""}, PART, 8)],
)
def test_the_administrator_says_how_large_parts_are_and_how_many_go_at_once(environ, part, uploads):
    assert upload_settings(environ) == (part, uploads)


@pytest.mark.parametrize(
    ("environ", "message"),
    [({ENV_PART: "4"}, f"{ENV_PART}: '4' is no number from 5 to 1024"), ({ENV_THREADS: "many"}, f"{ENV_THREADS}: 'many' is no number from 1 to 64")],
)
def test_numbers_that_cannot_be_are_refused_by_name(environ, message):
    with pytest.raises(SpecError) as caught:
        upload_settings(environ)
    assert caught.value.message == message

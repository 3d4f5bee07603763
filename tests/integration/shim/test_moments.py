"""A word to end is heard whenever it comes: the shim is stopped at each of its system calls and some instructions later, and told there."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.integration.shim.test_shim import SHIM

TRACER = Path(__file__).with_name("tracer.py")
ENDED = (143, -signal.SIGTERM)
"""By its own word, and before it listens as any process ends."""


@pytest.mark.parametrize(
    ("words", "codes", "calls"),
    [
        pytest.param(("--order", "b={}/order", "--after", "a", "--", "true"), ENDED, 25, id="while it waits for its turn"),
        pytest.param(
            ("--order", "a={}/order", "--retry", "9=600000", "--", "false"), (1, *ENDED), 40, id="before it tries again"
        ),
        pytest.param(("--result", "--", "sleep", "60"), ENDED, 26, id="before and while its command runs"),
    ],
)
def test_a_word_to_end_is_heard_at_any_moment(tmp_path: Path, words: tuple[str, ...], codes: tuple[int, ...], calls: int) -> None:
    done = subprocess.run([sys.executable, TRACER, str(calls), tmp_path, SHIM, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert told
    for call, instructions, code in told:
        assert code in codes, f"after {call} system calls and {instructions} instructions"

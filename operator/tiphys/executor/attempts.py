"""Trying again while a store is away, for a bounded time, and several things at once."""

import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

from tiphys.errors import OutsideError

T = TypeVar("T")

#: How long one artifact is tried. Each try rides out shorter absences by itself.
PATIENCE_SECONDS = 300.0
_LONGEST_SECONDS = 15.0


def attempt(work: Callable[[], T], *, what: str, patience_s: float = PATIENCE_SECONDS) -> T:
    """The answer of `work`, which is called again as long as the world says no for now and patience lasts."""
    end, wait_s = time.monotonic() + patience_s, 0.5
    while True:
        try:
            return work()
        except OutsideError as e:
            if time.monotonic() + wait_s > end:
                raise
            print(f"{what}: {e.message}; again in {wait_s:g} s", file=sys.stderr)
            time.sleep(wait_s)
            wait_s = min(2 * wait_s, _LONGEST_SECONDS)


def side_by_side(work: Callable[[T], None], items: Iterable[T], width: int) -> None:
    """Call `work`, which raises nothing, for each item, as many at once as `width`."""
    lock, left = threading.Lock(), iter(items)

    def run() -> None:
        while True:
            with lock:
                item = next(left, None)
            if item is None:
                return
            work(item)

    threads = [threading.Thread(target=run) for _ in range(width - 1)]
    for thread in threads:
        thread.start()
    run()
    for thread in threads:
        thread.join()

"""Thousands of seeded runs with faults: `python -m tests.simulation --seeds 10000`; `--seed N` runs one again.

Fails when an invariant does not hold in any run, or when an arrow of the transition table was taken in none of them.
"""

import argparse
import concurrent.futures
import os
import sys
import time

from tiphys.engine.transitions import arrows
from tiphys.testing.faults import faults_of
from tiphys.testing.invariants import Broken
from tiphys.testing.simulation import check_seed

BATCH = 100


def run_batch(first: int, end: int) -> tuple[set[tuple[str, str]], int, list[str]]:
    """The arrows taken, the crashes lived through, and what broke."""
    taken: set[tuple[str, str]] = set()
    crashes, broken = 0, []
    for seed in range(first, end):
        try:
            done = check_seed(seed, faults_of(seed))
        except Broken as e:
            broken.append(str(e))
        except Exception as e:
            broken.append(f"seed {seed}: {type(e).__name__}: {e}")
        else:
            taken |= done.arrows
            crashes += done.crashes
    return taken, crashes, broken


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    if options.seed is not None:
        _, crashes, broken = run_batch(options.seed, options.seed + 1)
        print("\n".join(broken) or f"seed {options.seed} holds, {crashes} crashes")
        return 1 if broken else 0
    began = time.monotonic()
    taken: set[tuple[str, str]] = set()
    crashes, broken = 0, list[str]()
    last = options.first + options.seeds
    with concurrent.futures.ProcessPoolExecutor(options.processes) as pool:
        starts = range(options.first, last, BATCH)
        for arrows_of, crashes_of, broken_of in pool.map(run_batch, starts, (min(start + BATCH, last) for start in starts)):
            taken |= arrows_of
            crashes += crashes_of
            broken += broken_of
    missing = sorted(arrows() - taken)
    print(f"{options.seeds} seeds, {crashes} crashes, {len(broken)} broken, {time.monotonic() - began:.0f} s")
    for line in broken[:20]:
        print(line)
    if missing:
        print("arrows never taken: " + ", ".join(f"{before or 'new'} -> {after}" for before, after in missing))
    return 1 if broken or missing else 0


if __name__ == "__main__":
    sys.exit(main())

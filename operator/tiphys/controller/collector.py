"""Python's cycle collector, set for a process that keeps many objects for long."""

import gc


def calm_collector() -> None:
    """Look for cycles rarely, and never among what is there already.

    Runs keep tens of thousands of nodes: with the usual thresholds, looking through all of them again and again makes an event
    of a big workflow cost half as much again as one of a small workflow.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 1_000)

"""`executor`: programs that run in pods."""

from pathlib import Path


def resource() -> int:
    """Act on an object and wait for its conditions, as TIPHYS_TEMPLATE says."""
    from tiphys.executor.resource import run_resource

    return run_resource()


def shim(target: Path) -> int:
    """Put the shim of this machine's architecture at TARGET."""
    from tiphys.executor.shim import bring_shim

    bring_shim(target)
    return 0

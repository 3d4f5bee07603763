"""`executor`: programs that run in pods."""

from tiphys.executor.resource import run_resource


def resource() -> int:
    """Act on an object and wait for its conditions, as TIPHYS_TEMPLATE says."""
    return run_resource()

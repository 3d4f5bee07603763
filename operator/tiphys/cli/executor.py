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


def load() -> int:
    """Bring the input artifacts of the pod, as TIPHYS_STAGING says."""
    from tiphys.executor.load import run_load

    return run_load()


def save() -> int:
    """Wait for the commands of the pod and store what they left, as TIPHYS_STAGING says."""
    from tiphys.executor.save import run_save

    return run_save()


def delete() -> int:
    """Delete the artifacts that TIPHYS_COLLECT_FILE says."""
    from tiphys.executor.collect import run_delete

    return run_delete()


def agent() -> int:
    """Do the tasks of a workflow's WorkflowTaskSet."""
    from tiphys.executor.agent import run_agent

    return run_agent()


def agent_tokens(*names: str) -> int:
    """Write a secret for each plugin and the agent to share."""
    from tiphys.executor.agent import write_tokens

    return write_tokens(list(names))


def data() -> int:
    """List artifacts and transform the list, as TIPHYS_TEMPLATE says."""
    from tiphys.executor.data import run_data

    return run_data()

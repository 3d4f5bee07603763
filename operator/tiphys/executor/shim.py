"""The shim for the node that a pod landed on, where the cluster has nodes of several architectures."""

import platform
from pathlib import Path

from tiphys.errors import NotFound
from tiphys.shim import MACHINES, binaries


def bring_shim(target: Path, machine: str = "") -> None:
    """Write the shim, executable by everybody.

    Args:
        target: The file.
        machine: As the kernel calls it; empty for this one.

    Raises:
        NotFound: There is no shim for this machine.
    """
    machine = machine or platform.machine()
    program = binaries().get(MACHINES.get(machine.lower(), ""))
    if program is None:
        raise NotFound(f"there is no shim for {machine}", hint="outputs can be read on amd64 and arm64 only")
    target.write_bytes(program)
    target.chmod(0o755)

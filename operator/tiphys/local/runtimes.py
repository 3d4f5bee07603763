"""Which runtime runs containers here."""

import shutil
import subprocess

from tiphys.errors import SpecError
from tiphys.local.container import Runtime
from tiphys.local.engine import EngineRuntime
from tiphys.local.process import ProcessRuntime

_ENGINES = ("podman", "docker")


def choose_runtime(name: str) -> tuple[Runtime, str]:
    """The runtime called `podman`, `docker` or `process`, or for `auto` the first container runtime that works; and what to tell.

    Raises:
        SpecError: It does not work here. Plain processes are never chosen without being named.
    """
    if name == "process":
        return ProcessRuntime(), "commands run as plain processes of this machine; images are ignored"
    faults = []
    for engine in _ENGINES if name == "auto" else (name,):
        fault = _fault(engine)
        if not fault:
            return EngineRuntime(engine), f"containers run with {engine}" if name == "auto" else ""
        faults.append(f"{engine}: {fault}")
    raise SpecError(
        f"no container runtime works here: {'; '.join(faults)}",
        hint="--runtime process runs commands as plain processes of this machine, for files that you trust",
    )


def _fault(engine: str) -> str:
    """Why a container runtime does not work; empty when it does."""
    program = shutil.which(engine)
    if program is None:
        return "not installed"
    try:
        done = subprocess.run([program, "info"], capture_output=True, text=True, timeout=20, check=False)  # noqa: S603 found on the path
    except subprocess.TimeoutExpired:
        return "does not answer"
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["does not work"])[-1][:200]

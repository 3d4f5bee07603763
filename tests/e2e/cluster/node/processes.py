"""Where the cluster lives, and the processes it consists of: each has a log and a file with its id and start time."""

import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable

HERE = pathlib.Path(__file__).parent.parent
HOME = pathlib.Path(os.environ.get("TIPHYS_CLUSTER_DIR", "/var/tmp/tiphys-cluster"))  # noqa: S108
BIN = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "tiphys/bin"
PKI = HOME / "pki"
KUBECONFIG = pathlib.Path(os.environ.get("TIPHYS_E2E_KUBECONFIG") or HOME / "kubeconfig")
ADDRESS, PODS, SERVICES, DNS = "10.88.0.1", "10.88.0.0/16", "10.96.0.0/16", "10.96.0.10"


def run(*command: object, check: bool = True, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command quietly; what it says on failure is shown."""
    done = subprocess.run([str(part) for part in command], check=False, capture_output=True, text=True, input=stdin)
    if check and done.returncode:
        raise SystemExit(f"cluster: {' '.join(str(part) for part in command)} failed:\n{done.stdout}{done.stderr}")
    return done


def kubectl(*arguments: object, check: bool = True, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run kubectl as the administrator."""
    return run(BIN / "kubectl", "--kubeconfig", KUBECONFIG, *arguments, check=check, stdin=stdin)


def say(text: str) -> None:
    """Print one line of progress."""
    print(f"cluster: {text}", file=sys.stderr, flush=True)


def wait_for(what: str, ready: Callable[[], bool], seconds: float = 90) -> None:
    """Return when `ready()` is true; give up with a message after so many seconds."""
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise SystemExit(f"cluster: {what} not ready after {seconds} s; see the logs in {HOME}")
        time.sleep(0.1)


def start_time(pid: int) -> str | None:
    """When a process started, in ticks since boot; None if there is none, or only its remains."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]


def pid_of(name: str) -> int | None:
    """The process of a part, if it runs. Ids come around again, also after a reboot, so the start time is compared."""
    try:
        pid, started = (HOME / f"{name}.pid").read_text().split()
    except (OSError, ValueError):
        return None
    return int(pid) if start_time(int(pid)) == started else None


def start(name: str, *command: object) -> None:
    """Start a part, unless it runs."""
    if pid_of(name):
        return
    with (HOME / f"{name}.log").open("ab") as log:
        process = subprocess.Popen([str(part) for part in command], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                   start_new_session=True)  # fmt: skip
    (HOME / f"{name}.pid").write_text(f"{process.pid} {start_time(process.pid)}")


def stop(name: str, seconds: float = 90) -> None:
    """End a part and wait for it: by SIGTERM, and by SIGKILL when that does not help."""
    pid = pid_of(name)
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
        end = time.monotonic() + seconds
        while pid_of(name) and time.monotonic() < end:
            time.sleep(0.1)
        if pid_of(name):
            os.kill(pid, signal.SIGKILL)
    (HOME / f"{name}.pid").unlink(missing_ok=True)

"""One Kubernetes node on this very machine, from programs built by tools/build: `python3 node up|down|kwok-up|kwok-down`.

Everything lives in $TIPHYS_CLUSTER_DIR (default /var/tmp/tiphys-cluster): certificates, data, logs, pid files, kubeconfig.
"""

import fcntl
import sys
import time

from agents import start_agents
from certificates import make_certificates
from control_plane import start_control_plane
from fake_nodes import start_fake_nodes, stop_fake_nodes
from objects import make_objects
from processes import HOME, say
from registries import start_registries
from runtime import make_bridge, start_containerd, warm
from teardown import take_down


def up() -> None:
    """Start what does not run yet."""
    started = time.monotonic()
    make_certificates()
    make_bridge()
    start_containerd()
    start_registries()
    say("containerd and registries are ready")
    start_control_plane()
    start_agents()
    make_objects()
    warm()
    say(f"ready after {time.monotonic() - started:.0f} s")
    print(f"export KUBECONFIG={HOME}/kubeconfig")


def down() -> None:
    """End what runs, and clean up."""
    take_down()
    say("down")


if __name__ == "__main__":
    HOME.mkdir(parents=True, exist_ok=True)
    with (HOME / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        {"up": up, "down": down, "kwok-up": start_fake_nodes, "kwok-down": stop_fake_nodes}[sys.argv[1]]()

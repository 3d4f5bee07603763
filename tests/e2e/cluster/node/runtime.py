"""containerd with a configuration, socket, root and network of its own."""

import json
import pathlib
import sys

from processes import ADDRESS, HERE, HOME, PODS, run, start, wait_for
from registries import PRIVATE, REGISTRY

BRIDGE = "cni0"
FOLDER = HOME / "containerd"
SOCKET = FOLDER / "containerd.sock"
PAUSE = "tiphys.test/pause:1"
MIRRORED = ("docker.io", "quay.io", "ghcr.io", "registry.k8s.io")
WARM = ("docker.io/library/busybox:latest", "docker.io/docker/whalesay:latest")


def make_bridge() -> None:
    """Make the bridge that pods hang on, with the node's address."""
    if run("ip", "link", "show", BRIDGE, check=False).returncode:
        run("ip", "link", "add", BRIDGE, "type", "bridge")
    run("ip", "address", "replace", f"{ADDRESS}/16", "dev", BRIDGE)
    run("ip", "link", "set", BRIDGE, "up")
    pathlib.Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def start_containerd() -> None:
    """Start containerd and give it the image of pods' sandboxes."""
    write_network()
    write_mirrors()
    write_configuration()
    start("containerd", "containerd", "--config", FOLDER / "config.toml")
    wait_for("containerd", lambda: ctr("version", check=False) is not None)
    if PAUSE not in (ctr("images", "ls", "-q") or ""):
        run(sys.executable, HERE / "images/pause.py", HOME / "pause.tar")
        ctr("images", "import", HOME / "pause.tar")


def ctr(*arguments: object, check: bool = True) -> str | None:
    """What containerd's own client answers; None if it failed."""
    done = run("ctr", "-a", SOCKET, "-n", "k8s.io", *arguments, check=check)
    return None if done.returncode else done.stdout


def write_network() -> None:
    """Write the network of pods: one bridge, addresses of the whole range above the first 256."""
    ranges = [[{"subnet": PODS, "rangeStart": "10.88.1.1"}]]
    addresses = {"type": "host-local", "dataDir": str(HOME / "ipam"), "ranges": ranges, "routes": [{"dst": "0.0.0.0/0"}]}
    bridge = {"type": "bridge", "bridge": BRIDGE, "isGateway": True, "ipMasq": True, "hairpinMode": True, "ipam": addresses}
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    (HOME / "cni").mkdir(exist_ok=True)
    (HOME / "cni/10-bridge.conflist").write_text(
        json.dumps({"cniVersion": "0.4.0", "name": "tiphys", "plugins": [bridge, ports]})
    )


def write_mirrors() -> None:
    """Send pulls from the public registries to the local one, and let both local ones speak plain HTTP."""
    for host, address in [(host, REGISTRY) for host in MIRRORED] + [(REGISTRY, REGISTRY), (PRIVATE, PRIVATE)]:
        folder = FOLDER / "certs" / host
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "hosts.toml").write_text(
            f'server = "http://{address}"\n[host."http://{address}"]\n  capabilities = ["pull", "resolve"]\n'
        )


def write_configuration() -> None:
    """Write containerd's own configuration. The sandbox's score cannot be lowered where CAP_SYS_RESOURCE is missing."""
    plugin = 'plugins."io.containerd.grpc.v1.cri"'
    (FOLDER / "config.toml").write_text(f"""version = 2
root = "{FOLDER}/root"
state = "{FOLDER}/state"
[grpc]
  address = "{SOCKET}"
[{plugin}]
  sandbox_image = "{PAUSE}"
  restrict_oom_score_adj = true
  [{plugin}.cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{HOME}/cni"
  [{plugin}.registry]
    config_path = "{FOLDER}/certs"
""")


def warm() -> None:
    """Pull two images, so that the shared layers are on the node before the first test."""
    for image in WARM:
        ctr("images", "pull", "--hosts-dir", FOLDER / "certs", image)

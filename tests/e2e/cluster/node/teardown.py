"""Ends the cluster: processes, containers, mounts, network, cgroups, data. Certificates and registries' contents stay."""

import contextlib
import json
import os
import pathlib
import shlex
import shutil
import signal
import time

from processes import BIN, HOME, kubectl, pid_of, run, stop
from runtime import BRIDGE, SOCKET, ctr

BEFORE_CONTAINERS = ["kwok", "kube-scheduler", "kube-controller-manager", "kubelet", "kube-proxy", "coredns"]
AFTER_CONTAINERS = ["kube-apiserver", "etcd", "registry", "private-registry", "containerd"]
DATA = ["etcd", "kubelet", "containerd", "ipam", "cni", "pod-logs", "volume-plugins"]


def take_down() -> None:
    """End everything, in the order in which nothing hangs."""
    empty_node()
    for name in BEFORE_CONTAINERS:
        stop(name)
    if pid_of("containerd"):
        remove_containers()
    for name in AFTER_CONTAINERS:
        stop(name)
    end_shims()
    remove_mounts()
    if (BIN / "kube-proxy").exists():
        run(BIN / "kube-proxy", "--cleanup", check=False)
    for program in ("iptables", "ip6tables"):
        remove_firewall_rules(program)
    run("ip", "link", "delete", BRIDGE, check=False)
    remove_cgroups()
    for name in DATA:
        shutil.rmtree(HOME / name, ignore_errors=True)


def empty_node(seconds: float = 30) -> None:
    """Let the kubelet end its pods, since only it undoes their networks in full."""
    if not (pid_of("kube-apiserver") and pid_of("kubelet") and pid_of("containerd")):
        return
    stop("kube-controller-manager")  # else it makes new pods
    kubectl("delete", "pods", "--all", "-A", "--grace-period=0", "--force", "--wait=false", check=False)
    end = time.monotonic() + seconds
    while (ctr("tasks", "ls", "-q", check=False) or "").strip() and time.monotonic() < end:
        time.sleep(0.3)


def remove_containers() -> None:
    """End what is left of containers and delete their network namespaces: their shims would outlive containerd."""
    for container in (ctr("containers", "ls", "-q", check=False) or "").split():
        space = network_of(container)
        ctr("tasks", "kill", "-s", "SIGKILL", container, check=False)
        ctr("tasks", "delete", "-f", container, check=False)
        ctr("containers", "delete", container, check=False)
        if space:
            run("ip", "netns", "delete", pathlib.Path(space).name, check=False)


def network_of(container: str) -> str | None:
    """The file of a container's network namespace."""
    spec = json.loads(ctr("containers", "info", container, check=False) or "{}").get("Spec") or {}
    spaces = spec.get("linux", {}).get("namespaces", [])
    return next((space.get("path") for space in spaces if space["type"] == "network"), None)


def end_shims(seconds: float = 5) -> None:
    """Wait for the processes between containerd and its containers, which end after it; kill what does not."""
    end = time.monotonic() + seconds
    while (shims := own_shims()) and time.monotonic() < end:
        time.sleep(0.1)
    for pid in shims:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def own_shims() -> list[int]:
    """The shims that were started by the containerd of this cluster."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if "containerd-shim" in words[0] and str(SOCKET) in words:
                found.append(int(folder.name))
    return found


def remove_mounts() -> None:
    """Unmount what the kubelet and containerd left below their folders, innermost first."""
    for line in reversed(pathlib.Path("/proc/mounts").read_text().splitlines()):
        point = line.split()[1]
        if point.startswith(f"{HOME}/"):
            run("umount", "-l", point, check=False)


def remove_firewall_rules(program: str) -> None:
    """Remove the kubelet's chains and the rules that lead there; kube-proxy has removed its own."""
    table = ""
    chains: list[tuple[str, str]] = []
    for line in run(f"{program}-save", check=False).stdout.splitlines():
        if line.startswith("*"):
            table = line[1:]
        elif line.startswith(":KUBE-"):
            chains.append((table, line[1:].split()[0]))
        elif line.startswith("-A") and "-j KUBE-" in line:
            run(program, "-t", table, "-D", *shlex.split(line)[1:], check=False)
    for action in ("-F", "-X"):
        for table, chain in chains:
            run(program, "-t", table, action, chain, check=False)


def remove_cgroups(seconds: float = 5) -> None:
    """Remove the kubelet's cgroups, leaves first; a process that has just ended may hold one a moment longer."""
    end = time.monotonic() + seconds
    while (tops := kubelet_cgroups()) and time.monotonic() < end:
        for top in tops:
            for group in [*sorted((path for path in top.rglob("*") if path.is_dir()), reverse=True), top]:
                with contextlib.suppress(OSError):
                    group.rmdir()
        time.sleep(0.1)


def kubelet_cgroups() -> list[pathlib.Path]:
    """The top cgroups of pods: one for each controller with cgroups v1, one in all with v2."""
    tops = [*pathlib.Path("/sys/fs/cgroup").glob("*/kubepods"), pathlib.Path("/sys/fs/cgroup/kubepods")]
    return [top for top in tops if top.exists()]

"""A process's own view of the file system: all as it is here, what it writes is gone with it, its mounts where they should be.

A copy-on-write root in a mount namespace; that needs root or user namespaces.
"""

import os
import shutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from shlex import join, quote

from tiphys.errors import SpecError
from tiphys.local.container import ContainerPlan, Mount

_DEVICES = "null zero full random urandom tty"
_FILE_SYSTEMS = ("ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "tmpfs", "nfs", "nfs4", "virtiofs", "9p", "overlay")
_NOT_SHOWN = ("/proc", "/sys", "/dev", "/run", "/tmp")  # noqa: S108 places that are made anew
_CHECK = """
s=$(mktemp -d)
mount -t tmpfs tmpfs $s
mkdir $s/upper $s/work $s/root
mount -t overlay overlay -o lowerdir=/,upperdir=$s/upper,workdir=$s/work $s/root
"""
_BASE = """
mount -t tmpfs tmpfs {space}
mkdir {space}/upper {space}/work {root}
mount -t overlay overlay -o lowerdir=/,upperdir={space}/upper,workdir={space}/work {root}
mount --rbind /proc {root}/proc
mount --rbind /sys {root}/sys
mount -t tmpfs tmpfs {root}/dev
for one in {devices}; do touch {root}/dev/$one; mount --bind /dev/$one {root}/dev/$one; done
ln -s /proc/self/fd {root}/dev/fd
ln -s fd/0 {root}/dev/stdin
ln -s fd/1 {root}/dev/stdout
ln -s fd/2 {root}/dev/stderr
mkdir -m 1777 {root}/dev/shm
mount -t tmpfs -o mode=1777 tmpfs {root}/tmp
"""


def in_view(plan: ContainerPlan, command: list[str]) -> list[str]:
    """The command that runs the container's command in a view of its own.

    Raises:
        SpecError: This machine cannot give one.
    """
    how = _isolation()
    if how is None:
        wanted = [*plan.outputs, *(mount.target for mount in plan.mounts), plan.working_folder]
        raise SpecError(
            f"{wanted[0]}: this machine cannot give a process files at places of its own",
            hint="that needs root or user namespaces; or use --runtime podman",
        )
    plan.folder.mkdir(parents=True, exist_ok=True)
    plan.termination.touch()
    script = plan.folder / "view.sh"
    script.write_text(_script(plan, command))
    return [*how, "/bin/sh", "-e", str(script)]


@lru_cache(maxsize=1)
def _isolation() -> tuple[str, ...] | None:
    """The command that gives what follows a file system of its own; None where there is none."""
    tool = shutil.which("unshare")
    if tool is None:
        return None
    for way in ((tool, "--mount"), (tool, "--user", "--map-root-user", "--mount")):
        # nothing of this comes from outside
        if subprocess.run([*way, "/bin/sh", "-ec", _CHECK], capture_output=True, check=False).returncode == 0:  # noqa: S603
            return way
    return None


def entry() -> list[str]:
    """The command that enters the view of a process, without the words that say whose."""
    how = _isolation() or ()
    return ["nsenter", *(("--user", "--preserve-credentials") if "--user" in how else ()), "--mount"]


def _script(plan: ContainerPlan, command: list[str]) -> str:
    """What is done before the command runs."""
    space = plan.folder / "view"
    space.mkdir(exist_ok=True)
    root = quote(f"{space}/root")
    lines = [_BASE.format(space=quote(str(space)), root=root, devices=_DEVICES)]
    for place in _other_file_systems():
        # one that has gone since they were listed is nobody's loss
        mounted = f"mkdir -p {root}{quote(place)} && mount --rbind {quote(place)} {root}{quote(place)}"
        lines.append(f"if [ -e {quote(place)} ]; then {mounted} || ! mountpoint -q {quote(place)}; fi")
    for place in _own_places() if plan.is_executor else ():
        lines.append(f"mkdir -p {root}{quote(place)}")
        lines.append(f"mount --rbind {quote(place)} {root}{quote(place)}")
    access = _kubeconfigs() if plan.is_executor else []
    for mount in (*access, *sorted(plan.mounts, key=lambda mount: mount.target), Mount(plan.termination, plan.termination_path)):
        lines += _mount(mount, root)
    for path in plan.outputs:
        # a declared path is there for the taking, its folder too; what this machine has at it is not the output
        lines.append(f"mkdir -p {root}{quote(str(Path(path).parent))}")
        if not any(path.startswith(mount.target) for mount in plan.mounts):
            lines.append(f"rm -rf {root}{quote(path)}")
    folder = quote(plan.working_folder or "/")
    lines.append(f"mkdir -p {root}{folder}")
    lines.append(f"cd {root}")
    lines.append(f"exec chroot {root} /bin/sh -c 'cd \"$0\" && exec \"$@\"' {folder} {join(command)}")
    return "\n".join(lines) + "\n"


def followed(place: str) -> str:
    """Where a place is once this machine's links are followed: before the root is changed, they would lead out of the view."""
    is_anew = place.startswith(("/tmp/", "/dev/"))  # noqa: S108 this machine's are not shown
    return place if is_anew else str(Path(place).resolve())


def _mount(mount: Mount, root: str) -> list[str]:
    place = followed(mount.target)
    target, source = f"{root}{quote(place)}", quote(str(mount.source))
    if mount.source.is_dir():
        made = [f"mkdir -p {target}"]
    else:
        made = [f"mkdir -p {root}{quote(str(Path(place).parent))}", f"touch {target}"]
    made.append(f"mount --bind {source} {target}")
    if mount.is_read_only:
        made.append(f"mount -o remount,bind,ro {target}")
    return made


def _own_places() -> list[str]:
    """Where this program and its Python are, if that is a place that is made anew: a checkout below `/tmp`, for example."""
    places = dict.fromkeys((sys.prefix, sys.base_prefix, str(Path(__file__).parents[2])))
    return [place for place in places if _is_anew(place)]


def _kubeconfigs() -> list[Mount]:
    """The files that say how the cluster of resource templates is reached, if they are where a place is made anew."""
    files = [Path(file).absolute() for file in os.environ.get("KUBECONFIG", "").split(os.pathsep) if file]
    return [Mount(file, str(file), is_read_only=True) for file in files if file.is_file() and _is_anew(str(file))]


def _is_anew(place: str) -> bool:
    return f"{place}/".startswith(tuple(f"{other}/" for other in _NOT_SHOWN))


def _other_file_systems() -> list[str]:
    """Where other file systems than the root hang, which its copy does not show: home folders, for example."""
    found: list[str] = []
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, place, kind, *_ = line.split()
        is_shown = place != "/" and not any(f"{place}/".startswith(f"{other}/") for other in (*_NOT_SHOWN, *found))
        if kind in _FILE_SYSTEMS and is_shown:
            found.append(place.replace("\\040", " "))
    return found

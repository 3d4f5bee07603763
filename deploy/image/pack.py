"""Packs Tiphys' image: pack.py TARGET NAME:TAG ROOTFS.tar SITE-FOLDER TIPHYS-FOLDER"""

import hashlib
import io
import json
import pathlib
import sys
import tarfile
import tempfile

PREFIX = "opt/tiphys"
START = "#!/usr/bin/python3\nimport sys\nsys.path.insert(0, '/opt/tiphys')\nfrom tiphys.cli import main\nmain()\n"


def plain(info: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Owned by root, dated alike; caches left out."""
    if "__pycache__" in info.name:
        return None
    info.uid = info.gid = info.mtime = 0
    info.uname = info.gname = "root"
    return info


def layer(target: pathlib.Path, folders: list[tuple[str, str]], *, with_command: bool = False) -> str:
    """Write one layer; its digest."""
    with tarfile.open(target, "w") as made:
        for folder, name in folders:
            made.add(folder, name, filter=plain)
        if with_command:
            info = tarfile.TarInfo("usr/local/bin/tiphys")
            info.mode, info.size = 0o755, len(START)
            made.addfile(info, io.BytesIO(START.encode()))
    with target.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def main() -> None:
    """Pack the image."""
    target, name, rootfs, site, tiphys = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        libraries, own = pathlib.Path(folder, "libraries.tar"), pathlib.Path(folder, "own.tar")
        with open(rootfs, "rb") as stream:
            digests = [hashlib.file_digest(stream, "sha256").hexdigest()]
        digests += [layer(libraries, [(site, PREFIX)]), layer(own, [(tiphys, f"{PREFIX}/tiphys")], with_command=True)]
        config = json.dumps({
            "architecture": "amd64", "os": "linux",
            "config": {"Entrypoint": ["tiphys"], "User": "65532:65532", "WorkingDir": "/tmp", "Env": [
                "PATH=/usr/local/bin:/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE=1", "HOME=/tmp"]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]},
        }).encode()  # fmt: skip
        manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": [f"{digest}.tar" for digest in digests]}]
        with tarfile.open(target, "w") as archive:
            for path, digest in zip((rootfs, libraries, own), digests, strict=True):
                archive.add(path, f"{digest}.tar")
            for path, content in (("config.json", config), ("manifest.json", json.dumps(manifest).encode())):
                info = tarfile.TarInfo(path)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))


if __name__ == "__main__":
    main()

"""Packs one root file system as several docker archives: the same layer, families with their own entry point and tags.

Usage: pack.py FOLDER   (reads FOLDER/rootfs.tar, writes FOLDER/<family>.tar)
"""

import hashlib
import io
import json
import pathlib
import sys
import tarfile

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/games"
ASH = "ash"
FAMILIES = {
    # name: (entry point, command, whether `sh` is busybox's ash, image names)
    "busybox": ([], ["sh"], True, ["library/busybox:latest", "library/busybox:1.36", "library/alpine:latest", "library/alpine:3.6",
        "library/alpine:3.7", "library/alpine:3.8", "library/alpine:3.13", "library/alpine:3.18", "library/alpine:3.20", "library/alpine:3.23",
        "library/hello-world:latest"]),
    "debian": ([], ["bash"], False, ["library/debian:latest", "library/debian:12", "library/debian:9.4", "library/ubuntu:latest",
        "library/ubuntu:24.04", "library/bash:latest", "docker/whalesay:latest", "library/golang:1.10", "library/perl:latest",
        "private/whalesay:latest"]),
    "python": ([], ["python3"], True, ["library/python:3.8", "library/python:3.11", "library/python:latest", "library/python:alpine3.6",
        "library/python:alpine3.23", "library/python:3.12-alpine"]),
    "nginx": ([], ["nginx"], False, ["library/nginx:1.13", "library/nginx:latest", "library/nginx:alpine"]),
    "curl": (["curl"], [], True, ["appropriate/curl:latest", "curlimages/curl:latest"]),
    "argosay": (["/argosay"], [], True, ["argoproj/argosay:v1", "argoproj/argosay:v2", "argoproj/argosay:latest"]),
}  # fmt: skip


def ash_layer() -> bytes:
    """A layer in which `sh` and busybox's usual commands are busybox."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as layer:
        link = tarfile.TarInfo("usr/local/bin/sh")
        link.type, link.linkname = tarfile.SYMTYPE, "/bin/busybox"
        layer.addfile(link)
        for name in ("bin/sh", "usr/bin/sh"):
            shell = tarfile.TarInfo(name)
            shell.type, shell.linkname = tarfile.SYMTYPE, "/bin/busybox"
            if name.startswith("usr/"):
                layer.addfile(shell)
    return out.getvalue()


def pack(folder: pathlib.Path, family: str, rootfs: pathlib.Path, digest: str, ash: bytes) -> None:
    """Write the archive of one family."""
    entry, command, is_ash, tags = FAMILIES[family]
    ash_digest = hashlib.sha256(ash).hexdigest()
    layers = [digest, ash_digest] if is_ash else [digest]
    config = {
        "architecture": "amd64", "os": "linux", "created": "2026-01-01T00:00:00Z",
        "config": {"Entrypoint": entry or None, "Cmd": command or None, "Env": [f"PATH={PATH}"], "WorkingDir": "/"},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer}" for layer in layers]},
        "history": [{"created": "2026-01-01T00:00:00Z", "created_by": "tiphys tests"}] * len(layers),
    }  # fmt: skip
    text = json.dumps(config).encode()
    name = hashlib.sha256(text).hexdigest() + ".json"
    manifest = [{"Config": name, "RepoTags": tags, "Layers": [f"{layer}.tar" for layer in layers]}]
    with tarfile.open(folder / f"{family}.tar", "w") as archive:
        archive.add(rootfs, f"{digest}.tar")
        for path, content in ((f"{ash_digest}.tar", ash), (name, text), ("manifest.json", json.dumps(manifest).encode())):
            info = tarfile.TarInfo(path)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    (folder / f"{family}.tags").write_text("\n".join(tags) + "\n")


def main() -> None:
    """Pack all families."""
    folder = pathlib.Path(sys.argv[1])
    rootfs = folder / "rootfs.tar"
    with rootfs.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    ash = ash_layer()
    for family in FAMILIES:
        pack(folder, family, rootfs, digest, ash)


if __name__ == "__main__":
    main()

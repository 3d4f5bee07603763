"""Packs one root file system as several docker archives: the same layer, families with their own entry point and tags.

Usage: pack.py FOLDER   (reads FOLDER/rootfs.tar, writes FOLDER/<family>.tar)
"""

import hashlib
import io
import json
import pathlib
import platform
import sys
import tarfile

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/games"
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
CREATED = "2026-01-01T00:00:00Z"


def names(image: str, *tags: str) -> list[str]:
    """Names of one image with several tags, `latest` among them."""
    return [f"{image}:{tag}" for tag in ("latest", *tags)]


FAMILIES: dict[str, tuple[list[str], list[str], bool, list[str]]] = {
    # name: (entry point, command, whether `sh` is busybox's ash, image names)
    "busybox": ([], ["sh"], True, [
        *names("library/busybox", "1", "1.28", "1.36", "stable"),
        *names("library/alpine", "3", "3.6", "3.7", "3.8", "3.9", *(f"3.{minor}" for minor in range(10, 24)))]),
    "debian": ([], ["bash"], False, [
        *names("library/debian", "9.4", "12", "12-slim", "bookworm", "bookworm-slim"),
        *names("library/ubuntu", "20.04", "22.04", "24.04"),
        *names("docker/whalesay"), *names("library/golang", "1.10", "1.18"), *names("library/perl", "5.34.0"),
        "private/whalesay:latest"]),
    "bash": ([], ["bash"], True, names("library/bash", "5")),
    "hello": ([], ["echo", "Hello from Docker!"], True, names("library/hello-world")),
    "python": ([], ["python3"], True, names("library/python", "3", *(f"3.{minor}" for minor in range(6, 14)), "3.8-slim", "3.11-slim", "3.12-slim",
        "alpine", "alpine3.6", "alpine3.7", "alpine3.23", "3-alpine", "3.12-alpine")),
    "nginx": (["nginx", "-g", "daemon off;"], [], False, names("library/nginx", "1.13", "1.25", "alpine")),
    "curl": (["curl"], [], True, [*names("appropriate/curl"), *names("curlimages/curl", "8.1.2")]),
    "git": (["git"], [], True, names("alpine/git", "v2.26.2")),
    "argosay": (["/argosay"], [], True, names("argoproj/argosay", "v1", "v2")),
}  # fmt: skip


def ash_layer() -> bytes:
    """Make a layer in which `sh` is busybox's shell, as in alpine."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as layer:
        for name in ("usr/local/bin/sh", "usr/bin/sh"):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, "/bin/busybox"
            layer.addfile(link)
    return out.getvalue()


def pack(folder: pathlib.Path, family: str, rootfs: pathlib.Path, digest: str, ash: bytes) -> None:
    """Write the archive of one family."""
    entry, command, is_ash, tags = FAMILIES[family]
    ash_digest = hashlib.sha256(ash).hexdigest()
    layers = [digest, ash_digest] if is_ash else [digest]
    config = {
        "architecture": ARCHITECTURE, "os": "linux", "created": CREATED,
        "config": {"Entrypoint": entry or None, "Cmd": command or None, "Env": [f"PATH={PATH}"], "WorkingDir": "/"},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer}" for layer in layers]},
        "history": [{"created": CREATED, "created_by": "tiphys tests"}] * len(layers),
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

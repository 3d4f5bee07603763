"""Packs one root file system as all stand-in images: families with their own entry point and tags share its layer.

Usage: `pack.py FOLDER` (reads FOLDER/rootfs.tar, makes FOLDER an OCI layout)
"""

import gzip
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


class Layout:
    """A folder in the OCI layout, which keeps what images share only once."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.images: list[dict[str, object]] = []
        (folder / "blobs/sha256").mkdir(parents=True, exist_ok=True)

    def add_blob(self, kind: str, content: bytes) -> dict[str, object]:
        """Store a blob and describe it."""
        digest = hashlib.sha256(content).hexdigest()
        (self.folder / "blobs/sha256" / digest).write_bytes(content)
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}", "size": len(content)}

    def add_layer(self, content: bytes) -> tuple[str, dict[str, object]]:
        """Store a layer compressed; answers its digest before compression, and its description."""
        return f"sha256:{hashlib.sha256(content).hexdigest()}", self.add_blob(
            "layer.v1.tar+gzip", gzip.compress(content, 1, mtime=0)
        )

    def add_image(self, config: dict[str, object], layers: list[tuple[str, dict[str, object]]], names: list[str]) -> None:
        """Store an image under all its names."""
        whole = {
            "architecture": ARCHITECTURE, "os": "linux", "created": CREATED, "config": config,
            "rootfs": {"type": "layers", "diff_ids": [digest for digest, _ in layers]},
        }  # fmt: skip
        described = self.add_blob("config.v1+json", json.dumps(whole).encode())
        manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": described,
                    "layers": [layer for _, layer in layers]}  # fmt: skip
        stored = self.add_blob("manifest.v1+json", json.dumps(manifest).encode())
        self.images += [{**stored, "annotations": {"org.opencontainers.image.ref.name": name}} for name in names]

    def finish(self) -> None:
        """Write the index, which makes the folder a layout."""
        (self.folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        (self.folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": self.images}))


def main() -> None:
    """Pack all families."""
    folder = pathlib.Path(sys.argv[1])
    layout = Layout(folder)
    base = layout.add_layer((folder / "rootfs.tar").read_bytes())
    ash = layout.add_layer(ash_layer())
    for entry, command, is_ash, image_names in FAMILIES.values():
        config: dict[str, object] = {"Env": [f"PATH={PATH}"], "WorkingDir": "/"}
        config |= {"Entrypoint": entry} if entry else {}
        config |= {"Cmd": command} if command else {}
        layout.add_image(config, [base, ash] if is_ash else [base], image_names)
    layout.finish()


if __name__ == "__main__":
    main()

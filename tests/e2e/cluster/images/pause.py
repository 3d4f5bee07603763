"""Writes the image of pods' sandboxes: a static program that waits for a signal. Usage: `pause.py TARGET.tar`."""

import hashlib
import io
import json
import pathlib
import platform
import subprocess
import sys
import tarfile
import tempfile

SOURCE = """package main

import ("os"; "os/signal"; "syscall")

func main() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGINT, syscall.SIGTERM)
	<-c
}
"""


def main() -> None:
    """Build the program and pack it."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder)
        (path / "main.go").write_text(SOURCE)
        (path / "go.mod").write_text("module pause\n\ngo 1.24\n")
        go = subprocess.run(["bash", "-c", f". {pathlib.Path(__file__).parent.parent}/tools/go.sh; echo $GO"],
                            check=True, capture_output=True, text=True).stdout.strip()  # fmt: skip
        subprocess.run([go, "build", "-trimpath", "-ldflags=-s -w", "-o", "pause", "."], cwd=path, check=True,
                       env={"CGO_ENABLED": "0", "HOME": str(pathlib.Path.home()), "PATH": "/usr/bin:/bin", "GOTOOLCHAIN": "local"})  # fmt: skip
        layer = io.BytesIO()
        with tarfile.open(fileobj=layer, mode="w") as made:
            made.add(path / "pause", "pause")
    content = layer.getvalue()
    digest = hashlib.sha256(content).hexdigest()
    config = json.dumps({"architecture": {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()], "os": "linux", "config": {"Entrypoint": ["/pause"]},
                         "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]}}).encode()  # fmt: skip
    manifest = json.dumps([{"Config": "config.json", "RepoTags": ["tiphys.test/pause:1"], "Layers": ["layer.tar"]}]).encode()
    with tarfile.open(sys.argv[1], "w") as archive:
        for name, part in (("layer.tar", content), ("config.json", config), ("manifest.json", manifest)):
            info = tarfile.TarInfo(name)
            info.size = len(part)
            archive.addfile(info, io.BytesIO(part))


if __name__ == "__main__":
    main()

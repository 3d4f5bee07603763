"""Packs one root file system as the images of postgres, mariadb and minio, an OCI layout each, into the folder it is given."""

import importlib.util
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).parent
_SPEC = importlib.util.spec_from_file_location("layouts", HERE.parents[1] / "e2e/cluster/images/pack.py")
assert _SPEC is not None
assert _SPEC.loader is not None
layouts = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(layouts)
PATH = "/usr/lib/postgresql/15/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def main() -> None:
    """Pack all three; the layer is on the disk once."""
    folder = pathlib.Path(sys.argv[1])
    content = (folder / "rootfs.tar").read_bytes()
    first: pathlib.Path | None = None
    for name in ("postgres", "mariadb", "minio"):
        layout = layouts.Layout(folder / name)
        if first is None:
            layer = layout.add_layer(content)
            first = folder / name / "blobs" / layer[1]["digest"].replace(":", "/")
        else:
            os.link(first, folder / name / "blobs" / layer[1]["digest"].replace(":", "/"))
        config = {"Env": [f"PATH={PATH}"], "WorkingDir": "/", "Entrypoint": ["/usr/local/bin/entry", name]}
        layout.add_image(config, [layer], [f"{name}:stand-in"])
        layout.finish()


if __name__ == "__main__":
    main()

"""Builds the shim for every architecture: as a hook of the wheel, or by `python hatch_build.py` in a checkout."""

import pathlib
import subprocess
import sys
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run by hand
    BuildHookInterface = object

ROOT = pathlib.Path(__file__).parent
TARGETS = {"amd64": "x86_64-linux-musl", "arm64": "aarch64-linux-musl"}


def build_shim() -> list[pathlib.Path]:
    """The shim's programs, built where a source is newer."""
    sources, folder = sorted((ROOT / "shim").glob("*.[ch]")), ROOT / "operator/tiphys/shim/bin"
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for architecture, target in TARGETS.items():
        program = folder / architecture
        if not program.exists() or program.stat().st_mtime < max(source.stat().st_mtime for source in sources):
            flags = ["-Os", "-static", "-s", "-std=gnu11", "-Wall", "-Wextra", "-Werror"]
            code = [source for source in sources if source.suffix == ".c"]
            subprocess.run([sys.executable, "-m", "ziglang", "cc", "-target", target, *flags, "-o", program, *code], check=True)
        made.append(program)
    return made


class ShimHook(BuildHookInterface):  # type: ignore[misc,valid-type]
    """Puts the programs into the wheel."""

    def initialize(self, _version: str, build_data: dict[str, Any]) -> None:
        """Build before the wheel is packed; an editable install does without until `make shim`."""
        if self.target_name == "wheel" and _version != "editable":
            for program in build_shim():
                build_data["force_include"][str(program)] = f"tiphys/shim/bin/{program.name}"


if __name__ == "__main__":
    for one in build_shim():
        print(f"{one.relative_to(ROOT)}: {one.stat().st_size} bytes")

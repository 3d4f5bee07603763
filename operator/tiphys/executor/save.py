"""`tiphys executor save`: the container beside the user's that stores what the command left: its logs and output artifacts."""

import fcntl
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import msgspec

from tiphys.artifacts.pack import open_staged, packed, read_parts
from tiphys.artifacts.secrets import mounted
from tiphys.errors import SpecError, TiphysError, UserError
from tiphys.executor.attempts import attempt
from tiphys.executor.record import described, leave, read_plan
from tiphys.model.arguments import Artifact
from tiphys.model.base import UNREADABLE
from tiphys.model.places import key_of
from tiphys.model.staging import SECRET_FOLDER, STAGED_FOLDER, Finish, LogSave, Save, StagingPlan, StagingRecord

_FIRST_POLL_SECONDS = 0.02
_LONGEST_POLL_SECONDS = 0.5
_MAX_FINISH_BYTES = 1 << 20

_SMALL = 1 << 20
_Content = tuple[str, Iterator[bytes], int]

_is_told_to_end = False


def _end(*_: object) -> None:
    global _is_told_to_end  # noqa: PLW0603 a signal has nowhere else to leave its word
    _is_told_to_end = True


def run_save() -> int:
    """Wait for the commands of the plan, store what they left, leave a record; the exit code."""
    signal.signal(signal.SIGTERM, _end)
    try:
        plan = read_plan()
    except SpecError as e:
        return leave(StagingRecord(errors=(e.message,)))
    folder = Path(os.environ.get("TIPHYS_STAGED", STAGED_FOLDER))
    missing: list[str] = []
    failed: list[str] = []
    errors: list[str] = []
    saved = 0
    items: tuple[LogSave | Save, ...] = (*plan.logs, *plan.saves)
    for container in dict.fromkeys(one.container for one in items):
        if not wait_for(folder, container):
            errors.append(f"container {container!r} never started")
            failed.extend(one.artifact.name for one in items if one.container == container)
            continue
        finish = read_finish(folder, container)
        for outcome in _store_all(plan, container, folder, finish):
            saved += outcome.saved
            missing.extend(outcome.missing)
            failed.extend(outcome.failed)
            errors.extend(outcome.errors)
    return leave(StagingRecord(saved=saved, missing=tuple(missing), failed=tuple(failed), errors=tuple(errors)))


def wait_for(folder: Path, container: str) -> bool:
    """Return when the container's shim is gone, however that came: true.

    False when it has not started and this container is told to end.
    """
    poll_s = _FIRST_POLL_SECONDS
    while True:
        try:
            with open_staged(folder, container, "lock") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)  # a signal only interrupts it for a moment
                return True
        except FileNotFoundError:
            if _is_told_to_end:
                return False
        time.sleep(poll_s)
        poll_s = min(1.3 * poll_s, _LONGEST_POLL_SECONDS)


def read_finish(folder: Path, container: str) -> Finish | None:
    """How the command ended; None when its shim was killed before it could say."""
    try:
        with open_staged(folder, container, "done") as file:
            return msgspec.json.decode(file.read(_MAX_FINISH_BYTES), type=Finish)
    except (FileNotFoundError, UserError, *UNREADABLE):
        return None


def _store_all(plan: StagingPlan, container: str, folder: Path, finish: Finish | None) -> Iterator[StagingRecord]:
    """Logs first: they are small, and wanted most when time is short."""
    for log in plan.logs:
        if log.container == container:
            yield _told(log.artifact, partial(_save_log, log, folder))
    for save in plan.saves:
        if save.container != container:
            continue
        name = save.artifact.name
        if finish is not None and name in finish.failed:
            yield _failed(save.artifact, finish.failed[name])
        elif finish is not None and name in finish.missing:
            yield _missing(save.artifact)
        else:
            yield _told(save.artifact, partial(_save_artifact, save, folder))


def _failed(artifact: Artifact, reason: str) -> StagingRecord:
    return StagingRecord(failed=(artifact.name,), errors=(f"failed to save {described(artifact)}: {reason}",))


def _missing(artifact: Artifact) -> StagingRecord:
    if artifact.optional:
        return StagingRecord(missing=(artifact.name,))
    return _failed(artifact, f"path {artifact.path} does not exist")


def _told(artifact: Artifact, work: Callable[[], None]) -> StagingRecord:
    try:
        attempt(work, what=described(artifact))
    except FileNotFoundError:
        return _failed(artifact, "the container was killed before it was staged")
    except (TiphysError, OSError) as e:
        reason = e.message if isinstance(e, TiphysError) else str(e)
        return _failed(artifact, reason)
    return StagingRecord(saved=1)


def _store(artifact: Artifact, contents: Iterable[_Content]) -> None:
    from tiphys.artifacts.drivers import open_driver

    driver = open_driver(artifact, mounted(Path(os.environ.get("TIPHYS_SECRETS", SECRET_FOLDER))))
    key = key_of(artifact)

    def put(one: _Content) -> None:
        below, content, size = one
        driver.save(f"{key.rstrip('/')}/{below}" if below else key, content, size)

    width = getattr(driver, "width", 1)
    if width == 1:
        for one in contents:
            put(one)
        return
    from tiphys.artifacts.objects import in_parallel

    in_parallel(put, _small(contents, put), width)


def _small(contents: Iterable[_Content], put: Callable[[_Content], None]) -> Iterator[_Content]:
    """The small files, read; larger ones are put in between, and the first one before: it may make the bucket."""
    for place, (below, content, size) in enumerate(contents):
        if place and 0 <= size <= _SMALL:
            yield below, iter((b"".join(content),)), size
        else:
            put((below, content, size))


def _save_artifact(save: Save, folder: Path) -> None:
    with open_staged(folder, save.container, f"{save.artifact.name}.tar") as file:
        _store(save.artifact, packed(file, save.artifact.archive))


def _save_log(log: LogSave, folder: Path) -> None:
    with open_staged(folder, log.container, "log") as file:
        size = os.fstat(file.fileno()).st_size
        _store(log.artifact, [("", read_parts(file, size), size)])

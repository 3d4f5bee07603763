"""`tiphys executor delete`: the pod that deletes artifacts whose time has come. Deleting what is not there is no error.

Source: argo-semantics 20.6.
"""

import os
import sys
from pathlib import Path

import msgspec

from tiphys.errors import SpecError, TiphysError
from tiphys.executor.attempts import attempt, side_by_side
from tiphys.executor.record import described
from tiphys.model.collecting import ENV_PLAN_FILE, CollectPlan, CollectRecord, Deletion, record_of
from tiphys.model.parse import parse_as
from tiphys.model.places import key_of
from tiphys.model.staging import EXIT_STAGING, SECRET_FOLDER

_WIDTH = 8
_PATIENCE_SECONDS = 30.0
"""A store that is away longer is left to a later pod; TIPHYS_PATIENCE says otherwise."""


def run_delete() -> int:
    """Delete all artifacts of the plan; the exit code."""
    try:
        plan = parse_as(CollectPlan, Path(os.environ[ENV_PLAN_FILE]).read_bytes())
    except (OSError, KeyError, SpecError) as e:
        print(f"error: there is no plan of what to delete: {e}", file=sys.stderr)
        return EXIT_STAGING
    faults: dict[int, str] = {}

    def remove(numbered: tuple[int, Deletion]) -> None:
        number, deletion = numbered
        try:
            _delete(deletion)
        except (TiphysError, OSError) as e:
            reason = e.message if isinstance(e, TiphysError) else str(e)
            faults[number] = f"failed to delete {described(deletion.artifact)}: {reason}"

    side_by_side(remove, list(enumerate(plan.deletions)), min(_WIDTH, max(1, len(plan.deletions))))
    done = [number not in faults for number in range(len(plan.deletions))]
    errors = [faults[number] for number in sorted(faults)]
    for error in errors:
        print(f"error: {error}", file=sys.stderr)
    _leave(record_of(done, errors))
    return EXIT_STAGING if errors else 0


def _delete(deletion: Deletion) -> None:
    from tiphys.artifacts.drivers import open_driver
    from tiphys.artifacts.secrets import mounted

    artifact = deletion.artifact
    driver = open_driver(artifact, mounted(Path(os.environ.get("TIPHYS_SECRETS", SECRET_FOLDER))))
    patience = float(os.environ.get("TIPHYS_PATIENCE", _PATIENCE_SECONDS))
    attempt(lambda: driver.delete(key_of(artifact)), what=described(artifact), patience_s=patience)


def _leave(record: CollectRecord) -> None:
    Path(os.environ.get("TIPHYS_TERMINATION", "/dev/termination-log")).write_bytes(msgspec.json.encode(record))

"""What executor containers have in common: where their plan stands, and the record that they leave."""

import os
import sys
from pathlib import Path

import msgspec

from tiphys.errors import SpecError
from tiphys.model.arguments import Artifact
from tiphys.model.places import bucket_of, key_of, kind_of
from tiphys.model.staging import ENV_STAGING, ENV_STAGING_FILE, EXIT_STAGING, StagingPlan, StagingRecord, parse_plan

_MESSAGE_BYTES = 4000


def read_plan() -> StagingPlan:
    """The plan of this pod.

    Raises:
        SpecError: There is none.
    """
    file = os.environ.get(ENV_STAGING_FILE)
    try:
        return parse_plan(Path(file).read_bytes() if file else os.environ[ENV_STAGING])
    except (OSError, KeyError) as e:
        raise SpecError(f"there is no staging plan: {ENV_STAGING} is not set, and {ENV_STAGING_FILE} names no file") from e


def described(artifact: Artifact) -> str:
    """The artifact as messages name it."""
    bucket, key = bucket_of(artifact), key_of(artifact)
    place = kind_of(artifact) or "no location"
    place += f', bucket "{bucket}"' if bucket else ""
    place += f', key "{_plain(key)}"' if key else ""
    return f'artifact "{artifact.name}" ({place})'


def _plain(key: str) -> str:
    """A key without the user, password and query that a URL may hold."""
    if "://" not in key:
        return key
    from tiphys.artifacts.web import shown

    return shown(key)


def leave(record: StagingRecord) -> int:
    """Write the record as termination message and its errors to standard error; the exit code."""
    for error in record.errors:
        print(f"error: {error}", file=sys.stderr)
    content = msgspec.json.encode(record)
    errors = list(record.errors)
    while len(content) > _MESSAGE_BYTES:
        if len(errors) > 1:
            errors.pop()
        elif errors and len(errors[0]) > 500:
            errors[0] = errors[0][:500] + "..."
        elif record.failed:
            # too many to name: who reads errors without names believes that nothing was stored
            record = msgspec.structs.replace(record, failed=())
        else:
            record = msgspec.structs.replace(record, missing=record.missing[: len(record.missing) // 2])
        record = msgspec.structs.replace(record, errors=tuple(errors))
        content = msgspec.json.encode(record)
    Path(os.environ.get("TIPHYS_TERMINATION", "/dev/termination-log")).write_bytes(content)
    return EXIT_STAGING if record.errors else 0

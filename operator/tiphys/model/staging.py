"""The staging plan that a pod carries for its executor containers, and the record that they leave. Types and layout only.

Layout, all on emptyDir volumes:

- `Load.path` is where the init container puts an input artifact (usually `/argo/inputs/artifacts/<name>`, mounted into the user's
  containers at the artifact's path by `subPath`).
- The shim of user container C (`--stage /argo/staged/C`) keeps a lock on `/argo/staged/C/lock` for as long as it lives,
  copies the command's standard output and error to `/argo/staged/C/log` (`--log`), packs the output artifact `--artifact
  NAME=PATH` into `/argo/staged/C/NAME.tar` once the command has ended, and then writes `/argo/staged/C/done`, one JSON
  `Finish`. With `--grace SECONDS` a command that was told to end (SIGTERM) is killed after so long, so that time is left to
  stage. When the lock is free and there is no `done`, the shim was killed: what is there is saved all the same.
- Secrets are files `/argo/secret/<name>/<key>`, in executor containers only.
- The plan is the JSON in TIPHYS_STAGING (from the annotation `tiphys.io/staging`), or in the file that TIPHYS_STAGING_FILE names.

The executor should run as the user that main runs as (as root where nobody says): checkouts belong to who made them.
"""

import msgspec

from tiphys.errors import SpecError
from tiphys.model.arguments import Artifact
from tiphys.model.parse import parse_as

ANNOTATION_STAGING = "tiphys.io/staging"
ANNOTATION_NOT_LOGGED = "tiphys.io/logs-not-kept"
ENV_STAGING = "TIPHYS_STAGING"
ENV_STAGING_FILE = "TIPHYS_STAGING_FILE"
SECRET_FOLDER = "/argo/secret"  # noqa: S105 a folder
STAGED_FOLDER = "/argo/staged"
INPUT_FOLDER = "/argo/inputs/artifacts"
#: Exit code of an executor that could not do its work; its termination message says why.
EXIT_STAGING = 64


class _Wire(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """The root of what executors read and write."""


class Load(_Wire, frozen=True):
    """An input artifact to bring.

    Attributes:
        artifact: With its full location; `name`, `optional`, `mode`, `recurseMode` and `archive` are the input's.
        path: Where to put the file or folder, absolute, as the executor sees it.
    """

    artifact: Artifact
    path: str


class Save(_Wire, frozen=True):
    """An output artifact to store.

    Attributes:
        artifact: With its full location, final key and `archive`; `path` is where the command wrote it (its last part names the
            entry in the archive).
        container: The user container whose shim stages it.
    """

    artifact: Artifact
    container: str


class LogSave(_Wire, frozen=True):
    """A container's output to store.

    Attributes:
        artifact: With its full location and final key (`main.log`), never packed.
        container: Whose log.
    """

    artifact: Artifact
    container: str


class StagingPlan(_Wire, frozen=True):
    """All that the executor containers of one pod are to do."""

    loads: tuple[Load, ...] = ()
    saves: tuple[Save, ...] = ()
    logs: tuple[LogSave, ...] = ()


class Finish(_Wire, frozen=True):
    """How a command ended, by its shim.

    Attributes:
        exit: Exit code of the command.
        missing: Names of artifacts whose path does not exist.
        failed: Name -> why it could not be packed.
    """

    exit: int = 0
    missing: tuple[str, ...] = ()
    failed: dict[str, str] = {}


class StagingRecord(_Wire, frozen=True, rename={"version": "v"}):
    """What an executor container leaves as its termination message: without errors, all that is not missing is at its place.

    Attributes:
        missing: Optional artifacts that were not there.
        failed: Artifacts and logs (`<container>-logs`) that are not at their places though they should be.
        errors: One line each, the first first: artifact, bucket, key, reason; cut to what a message holds.
        saved: How many artifacts and logs were moved.
    """

    version: int = 1
    saved: int = 0
    missing: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        """The first error; empty when all went well."""
        return self.errors[0] if self.errors else ""


def parse_plan(text: str | bytes) -> StagingPlan:
    """The plan.

    Raises:
        SpecError: The text is none.
    """
    return parse_as(StagingPlan, text)


def parse_staging_record(message: str) -> StagingRecord | None:
    """What an executor's termination message says; None when it is no record."""
    try:
        return parse_as(StagingRecord, message) if message.startswith("{") else None
    except SpecError:
        return None

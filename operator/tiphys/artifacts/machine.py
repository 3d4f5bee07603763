"""Artifacts in a folder of this machine, for workflows that run without a cluster.

It is written as an S3 location whose endpoint is `this-machine`, and is there only where the environment names the folder: in a
cluster nobody does, so a manifest cannot reach files of an executor this way.
"""

import os
from pathlib import Path

from tiphys.artifacts.objects import ObjectDriver
from tiphys.errors import SpecError

ENDPOINT = "this-machine"
ENV_FOLDER = "TIPHYS_LOCAL_ARTIFACTS"


def open_folder(bucket: str) -> ObjectDriver:
    """The driver of a folder below the one that the environment names.

    Raises:
        SpecError: It names none.
    """
    from obstore.store import LocalStore

    folder = os.environ.get(ENV_FOLDER)
    if not folder or not bucket or "/" in bucket or bucket in (".", ".."):
        raise SpecError(f"there are no artifacts at {ENDPOINT!r} here", path="s3.endpoint")
    return ObjectDriver(LocalStore(Path(folder) / bucket, mkdir=True))

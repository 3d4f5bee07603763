"""Settings that a controller is built on: when one of them changes, it ends as if asked to, and begins anew with the new ones.

Nothing is lost by that: a run that is restored equals one that was lived through. What such a setting says is checked before,
so that a bad edit ends nothing.

Differs from Argo: it reads instance id and namespace at the start only.

Source: argo-semantics 27.
"""

import asyncio
import logging
from typing import Any

from tiphys.archive.open import SecretReader, database_target, target_of
from tiphys.controller.options import Options
from tiphys.errors import SpecError
from tiphys.model.label_selector import check_selector
from tiphys.settings import Configuration, OwnConfiguration

log = logging.getLogger(__name__)


class Restart:
    """Whether to begin anew.

    Args:
        options: The command line's, which win over the configuration.
        begun: What the controller was built on.
        stop: Set to end it.

    Attributes:
        is_wanted: The controller shall begin again once it has ended.
    """

    def __init__(self, options: Options, begun: Configuration, stop: asyncio.Event) -> None:
        self._options = options
        self._begun = _fundamentals(options, begun)
        self._stop = stop
        self.is_wanted = False

    def configure(self, argo: Configuration, _own: OwnConfiguration) -> None:
        """Take the configuration."""
        now = _fundamentals(self._options, argo)
        changed = [name for name, value in now.items() if value != self._begun[name]]
        if changed and not self.is_wanted:
            log.info("%s changed: the controller begins anew", " and ".join(changed))
            self.is_wanted = True
            self._stop.set()


def _fundamentals(options: Options, argo: Configuration) -> dict[str, Any]:
    return {
        "instanceID": options.instance_id or argo.instance_id,
        "namespace": options.namespace or argo.namespace,
        "persistence": argo.persistence,
        "synchronization": argo.synchronization,
    }


def check_databases(argo: Configuration, secrets: SecretReader) -> None:
    """Let pass what a controller can be built on; no database is asked.

    Raises:
        SpecError: A database is wanted and not named, or named in a way that cannot be; or what to archive cannot be read.
    """
    said = argo.persistence
    if said is not None:
        check_selector(said.archive_label_selector)
    if said is not None and target_of(said, secrets) is None and (said.archive or said.node_status_off_load):
        message = "archive or nodeStatusOffLoad is set, but no database"
        raise SpecError(message, path="persistence", hint="add persistence.postgresql or persistence.mysql")
    if argo.synchronization is not None:
        database_target(argo.synchronization, secrets, "synchronization")

"""The artifact repository of a workflow is found out before its run begins, and kept in its status from then on.

Source: argo-semantics 2.5, 20.3.
"""

import logging
from typing import TYPE_CHECKING

from tiphys.controller.backoff import Backoff
from tiphys.controller.live import Found, Live
from tiphys.engine.effective import effective_spec
from tiphys.engine.premises import Premises
from tiphys.errors import OutsideError, SpecError, TiphysError
from tiphys.model.locations import ArtifactRepositoryRef
from tiphys.model.workflow import Workflow

if TYPE_CHECKING:
    from tiphys.controller.controller import Controller

log = logging.getLogger(__name__)


def reference_of(workflow: Workflow, premises: Premises) -> ArtifactRepositoryRef | None:
    """The repository that a workflow names itself, or through the stored spec or the defaults that it runs with."""
    try:
        return effective_spec(workflow, premises).artifact_repository_ref
    except SpecError:
        # it cannot begin, and will be told why
        return None


class RepositoryFinder:
    """Finds repositories for runs that are to begin."""

    def __init__(self, controller: "Controller") -> None:
        self._controller = controller

    def is_needed(self, live: Live) -> bool:
        """Whether the run cannot begin before its repository is known."""
        is_known = live.repository is not None or live.stored.status.artifact_repository_ref is not None
        return self._controller.repositories is not None and not is_known

    async def find(self, live: Live) -> None:
        """Find it out, however long the API server is away; then the workflow has another turn."""
        controller, backoff = self._controller, Backoff()
        try:
            while live.repository is None and controller.lives.get(live.uid) is live and not controller.is_stopping:
                try:
                    live.repository = await self._ask(live)
                except OutsideError as e:
                    log.warning("artifact repository of %s is not known yet: %s", live.key, e.message)
                    await backoff.wait(e)
        finally:
            live.is_looking = False
            controller.turn_soon(live)

    async def _ask(self, live: Live) -> Found:
        repositories = self._controller.repositories
        if repositories is None:
            return Found()
        reference = reference_of(live.stored, self._controller.premises(live.stored))
        try:
            return Found(await repositories.find(live.namespace, reference))
        except OutsideError:
            raise
        except TiphysError as e:
            return Found(error=str(e))

"""What Kopf tells a controller in a cluster, by a watch of our own."""

import asyncio
from typing import Any

import msgspec

from tiphys.cluster.api import Api
from tiphys.cluster.informer import Informer
from tiphys.controller.controller import Controller


class WatchedWorkflows:
    """Tells a controller of all workflows from `start` on."""

    def __init__(self, api: Api, controller: Controller) -> None:
        self.informer: Informer[dict[str, Any]] = Informer(api, "Workflow", parse=msgspec.json.decode)
        self.informer.on_change = lambda _key, raw: controller.workflow_changed(raw)
        self.informer.on_delete = lambda _key, raw: controller.workflow_deleted(raw["metadata"]["uid"])
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self.informer.run())

    async def stop(self) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

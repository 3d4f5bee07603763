"""Templates, cluster templates and schedules: stored, read, changed.

Source: rest-and-clients 1.1, ranks 2 to 4.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from tiphys.model.base import Json
from tiphys.server.accepting import check_stored, is_dry, linting
from tiphys.server.answers import listing
from tiphys.server.call import Call
from tiphys.server.labels import acted_by, created_by

Handler = Callable[[Call], Awaitable[Any]]
Route = tuple[str, str, Handler]


class Kind:
    """The operations on one kind of stored objects."""

    def __init__(self, title: str, key: str) -> None:
        self.title, self._key = title, key

    async def create(self, call: Call) -> Json:
        """Store a new one, when it is a good one."""
        manifest = created_by(call.identity, call.sent(self._key))
        await check_stored(call, self.title, manifest)
        return await call.storage.create(self.title, call.namespace, manifest, is_dry=is_dry(call))

    async def lint(self, call: Call) -> Json:
        """It back, when it is a good one."""
        manifest = call.sent(self._key)
        with linting():
            await check_stored(call, self.title, manifest)
        return manifest

    async def read(self, call: Call) -> Json:
        """One."""
        return await call.storage.read(self.title, call.namespace, call.name, call.read_options)

    async def replace(self, call: Call) -> Json:
        """Store one in place of that of its name, when it is a good one."""
        manifest = call.sent(self._key)
        await check_stored(call, self.title, manifest)
        meta = dict(manifest.get("metadata") or {})
        labels = {**(meta.get("labels") or {}), **acted_by(call.identity, "Update")}
        manifest["metadata"] = {**meta, **({"labels": labels} if labels else {})}
        return await call.storage.replace(self.title, call.namespace, call.name, manifest)

    async def delete(self, call: Call) -> Json:
        """Delete one."""
        await call.storage.delete(self.title, call.namespace, call.name, options=call.delete_options())
        return {}

    async def list_(self, call: Call) -> Json:
        """All; `namePattern` is a part of their names."""
        found, version = await call.storage.all(self.title, call.namespace, call.selection())
        kept = [one for one in found if call.query("namePattern") in one["metadata"]["name"]]
        return listing(kept, f"{self.title}List", version=version)

    def routes(self, path: str) -> tuple[Route, ...]:
        """Its routes, below a path."""
        return (
            ("POST", path, self.create), ("GET", path, self.list_), ("POST", f"{path}/lint", self.lint),
            ("GET", f"{path}/{{name}}", self.read), ("PUT", f"{path}/{{name}}", self.replace),
            ("DELETE", f"{path}/{{name}}", self.delete),
        )  # fmt: skip


async def _suspend(call: Call) -> Json:
    """Start nothing more by a schedule."""
    return await _set_suspend(call, is_suspended=True)


async def _resume(call: Call) -> Json:
    """Start workflows by a schedule again."""
    return await _set_suspend(call, is_suspended=False)


async def _set_suspend(call: Call, *, is_suspended: bool) -> Json:
    await call.storage.read("CronWorkflow", call.namespace, call.name)
    await call.api.patch("CronWorkflow", call.namespace, call.name, {"spec": {"suspend": is_suspended}})
    return await call.storage.read("CronWorkflow", call.namespace, call.name)


async def _bindings(call: Call) -> Json:
    """Which events start workflows of a namespace."""
    found, version = await call.storage.all("WorkflowEventBinding", call.namespace, call.selection())
    return listing(found, "WorkflowEventBindingList", version=version)


CRON = "/api/v1/cron-workflows/{namespace}"
ROUTES: tuple[Route, ...] = (
    ("PUT", CRON + "/{name}/suspend", _suspend),
    ("PUT", CRON + "/{name}/resume", _resume),
    *Kind("CronWorkflow", "cronWorkflow").routes(CRON),
    *Kind("WorkflowTemplate", "template").routes("/api/v1/workflow-templates/{namespace}"),
    *Kind("ClusterWorkflowTemplate", "template").routes("/api/v1/cluster-workflow-templates"),
    # of all namespaces: the path ends where the namespace would begin
    ("GET", "/api/v1/cron-workflows/", Kind("CronWorkflow", "cronWorkflow").list_),
    ("GET", "/api/v1/workflow-templates/", Kind("WorkflowTemplate", "template").list_),
    ("GET", "/api/v1/workflow-event-bindings/{namespace}", _bindings),
)

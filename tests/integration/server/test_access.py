"""Every operation of the server, in every mode, by everybody: what he gets follows from who he is, by rule.

Of live workflows and of archived ones, and whether lists are made of summaries (warm) or of what the cluster has (cold).
"""

import asyncio
import contextlib
import json
import re
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import aiohttp
import pytest
import uvicorn
from tests.servers.process import listening

from tiphys.archive.database import Database
from tiphys.archive.store import SqlArchive
from tiphys.archive.target import Target
from tiphys.cluster.connection import Access
from tiphys.local.objects import Place
from tiphys.model.archived import to_archive
from tiphys.server.accounts import RULE, Accounts
from tiphys.server.app import OPERATIONS, make_app
from tiphys.server.cache import Cache
from tiphys.server.kept import Kept, Settled
from tiphys.server.operating import VERBS
from tiphys.server.provider import Client, Provider
from tiphys.server.session import PREFIX, Sessions
from tiphys.server.sign_in import SignIn, sign_in_routes
from tiphys.server.subject import SESSION, Gate
from tiphys.settings.configuration import Configuration
from tiphys.settings.database import Persistence
from tiphys.settings.sign_in import SSO
from tiphys.testing.apiserver import APIServer
from tiphys.testing.apiserver.faults import Call
from tiphys.testing.apiserver.rights import User

ARGO = "apis/argoproj.io/v1alpha1"
MARK = "not-for-everybody"
"""Stands in every object: no refusal holds it."""
SPEC = {"entrypoint": "main", "templates": [{"name": "main", "container": {"image": "i", "command": ["a"], "args": [MARK]}}]}
CRON = {"schedules": ["* * * * *"], "workflowSpec": SPEC}
NODE = {"id": "w", "name": "w", "displayName": "n", "type": "Suspend", "phase": "Running", "templateName": "main"}
READS = ("get", "list", "watch")
CALLERS = {
    "nobody": None,
    "fake": "Bearer fake",
    "foreign": "Bearer foreign",
    "reader": "Bearer reader",
    "admin": "Bearer admin",
}  # fmt: skip
SAYS_NOTHING_OF_OBJECTS = ("/api/v1/version", "/api/v1/info", "/api/v1/userinfo", "/api/v1/tracking/event")
"""Who is known may ask them, whatever his rights."""

SESSIONS = Sessions("", time.time)  # noqa: TID251 sessions end by the wall's clock


OLD: dict[str, Any] = {
    "metadata": {"name": "old", "namespace": "ns", "uid": "uid-old", "creationTimestamp": "2026-01-01T00:00:00Z", "labels": {"team": MARK}},
    "spec": SPEC,
    "status": {"phase": "Failed", "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:01:00Z", "nodes": {}},
}
"""The archived workflow, which is live no more."""

SIGN_IN = SignIn(
    provider=Provider(SSO(issuer="https://idp.example.com"), Client("argo", "secret"), time.time), sessions=SESSIONS,  # noqa: TID251 as above
    redirect_url="", lasts=timedelta(hours=1),
)  # fmt: skip


class Operation(NamedTuple):
    verb: str
    route: str
    path: str

    @property
    def changes(self) -> bool:
        return self.verb != "GET" and not self.route.endswith("/lint")

    @property
    def is_plain(self) -> bool:
        return self.route in SAYS_NOTHING_OF_OBJECTS


def operations() -> Iterator[Operation]:
    """All of them, with the names of objects that are there: of live ones, and where workflows are named, of the archived one."""
    for verb, route, _ in OPERATIONS:
        for word in sorted(VERBS) if "{verb}" in route else ("",):
            name = "failed" if word in ("retry", "resubmit") else "w"
            yield Operation(verb, route, _filled(route, name=name, verb=word))
            if route.startswith("/api/v1/workflows/{namespace}/{name}") or "{uid}" in route or "artifact" in route:
                yield Operation(verb, route, _filled(route, name="old", uid="uid-old", verb=word))


def _filled(route: str, **parts: str) -> str:
    return re.sub(r"\{([^}]*)\}", lambda found: {"namespace": "ns", **parts}.get(found[1], "w"), route)


def fill(cluster: APIServer) -> None:
    made = [
        ("workflows", "ns", "w", {"spec": SPEC, "status": {"phase": "Running", "nodes": {"w": NODE}}}),
        ("workflows", "ns", "failed", {"spec": SPEC, "status": {"phase": "Failed", "finishedAt": "2026-01-01T00:00:00Z", "nodes": {}}}),
        ("workflowtemplates", "ns", "w", {"spec": SPEC}),
        ("clusterworkflowtemplates", "", "w", {"spec": SPEC}),
        ("cronworkflows", "ns", "w", {"spec": CRON}),
        ("workfloweventbindings", "ns", "w", {"spec": {"event": {"selector": "true"}, "submit": {"workflowTemplateRef": {"name": "w"}}}}),
    ]
    for plural, namespace, name, content in made:
        cluster.store.create(Place(ARGO, plural, namespace, name), {"metadata": {"name": name}, **content})


def body_for(operation: Operation) -> dict[str, Any] | None:
    """One that is good for any of them."""
    if operation.verb == "GET":
        return None
    meta: dict[str, Any] = {"name": "w"} if operation.verb == "PUT" else {"generateName": "new-"}
    body = {key: {"metadata": meta, "spec": SPEC} for key in ("workflow", "template")}
    body["cronWorkflow"] = {"metadata": meta, "spec": CRON}
    return {**body, "nodeFieldSelector": "displayName=n", "message": "m", "resourceKind": "WorkflowTemplate", "resourceName": "w"}


class World(NamedTuple):
    """A server at an address, its cluster and its archive."""

    cluster: APIServer
    archive: SqlArchive
    file: sqlite3.Connection
    address: str

    async def fill(self) -> None:
        fill(self.cluster)
        await self.archive.save(to_archive(OLD))

    async def fill_again(self) -> None:
        """What an operation has taken away or ended is there for the next one."""
        for plural in ("workflows", "workflowtemplates", "clusterworkflowtemplates", "cronworkflows", "workfloweventbindings"):
            for one in self.cluster.store.find(ARGO, plural, ""):
                meta = one["metadata"]
                self.cluster.store.remove(Place(ARGO, plural, meta.get("namespace", ""), meta["name"]))
        await self.fill()

    def version(self) -> tuple[int, int]:
        """What changes with anything that is stored or archived."""
        return self.cluster.store.version, self.file.execute("pragma data_version").fetchone()[0]


@contextlib.asynccontextmanager
async def running_with(
    file: Path, more: Callable[[Access], dict[str, Any]], modes: tuple[str, ...], *, is_warm: bool
) -> AsyncIterator[World]:
    target = Target(kind="sqlite", name=str(file))
    settled = Settled(Configuration(persistence=Persistence(archive=True)), target)

    async def ask_configuration() -> Settled:
        return settled

    database = Database(target)
    async with APIServer() as cluster:
        cluster.users.add("own", User("own", lambda *_: True))
        cluster.users.add("admin", User("admin", lambda *_: True))
        cluster.users.add("reader", User("reader", lambda verb, _resource, _namespace: verb in READS))
        cluster.users.add("foreign", User("foreign", lambda _verb, _resource, namespace: namespace == "theirs"))
        access = Access(server=cluster.address, token=lambda: "own")
        cache = Cache(access) if is_warm else None
        gate = Gate(access=access, modes=frozenset(modes), cache=cache, **more(access))  # type: ignore[arg-type]
        with listening() as listener:
            app = make_app(gate, kept=Kept(ask_configuration), more=sign_in_routes(SIGN_IN if "sso" in modes else None))
            program = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
            task = asyncio.create_task(program.serve([listener]))
            while not program.started or (cache is not None and not cache.is_warm):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            with contextlib.closing(sqlite3.connect(file)) as seen:
                yield World(cluster, SqlArchive(database), seen, f"http://127.0.0.1:{listener.getsockname()[1]}")
            program.should_exit = True
            await task
    await database.close()


def signed_in(access: Access) -> dict[str, Any]:
    return {"sessions": SESSIONS, "accounts": Accounts(access, "home")}


def with_rules(cluster: APIServer) -> None:
    """Each of the callers is taken by the rule of a service account, which has the same rights."""
    rights = {
        "admin": lambda *_: True,
        "reader": lambda verb, _resource, _namespace: verb in READS,
        "foreign": lambda _verb, _resource, namespace: namespace == "theirs",
    }
    for name, right in rights.items():
        notes = {RULE: f"sub == '{name}'"}
        cluster.store.create(Place("api/v1", "serviceaccounts", "home", name), {"metadata": {"name": name, "annotations": notes}})
        cluster.users.rights[f"system:serviceaccount:home:{name}"] = right


def authorization_of(caller: str, modes: tuple[str, ...]) -> str | None:
    if "sso" in modes and caller != "nobody":
        return f"Bearer {PREFIX}{'fake' if caller == 'fake' else SESSIONS.seal(SESSION, {'sub': caller}, timedelta(hours=1))}"
    return CALLERS[caller]


def expected(modes: tuple[str, ...], caller: str, operation: Operation) -> frozenset[int]:
    """The answers that are right; none means any but a refusal."""
    lends = "server" in modes and (caller == "nobody" or "client" not in modes)
    if lends or caller == "admin":
        return frozenset()
    if caller in ("nobody", "fake"):
        return frozenset({401})
    if operation.is_plain:
        return frozenset()
    if caller == "foreign" and operation.route.endswith("/lint"):
        # it says nothing but what was sent, unless it looks into the namespace
        return frozenset({200, 403})
    if caller == "reader" and operation.path.startswith("/api/v1/workflows/ns/old/") and operation.changes:
        # he may know that it is live no more, so that there is nothing to be changed
        return frozenset({403, 404})
    return frozenset({403}) if caller == "foreign" or operation.changes else frozenset()


async def ask(session: aiohttp.ClientSession, operation: Operation, authorization: str | None) -> tuple[int, bytes]:
    headers = {"Authorization": authorization} if authorization else {}
    async with session.request(operation.verb, operation.path, json=body_for(operation), headers=headers) as answer:
        # a stream that is open says all by that
        return answer.status, b"" if answer.status == 200 else await answer.read()


@pytest.mark.parametrize("lists", ["cold", "warm"])
@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("modes", [("client",), ("server",), ("client", "server"), ("sso",)], ids="+".join)
async def test_everybody_gets_what_he_may_and_nothing_else(
    modes: tuple[str, ...], caller: str, lists: str, migrated: Path, tmp_path: Path
) -> None:
    wrong = []
    more = signed_in if "sso" in modes else lambda _access: {}
    file = Path(shutil.copy(migrated, tmp_path))
    async with running_with(file, more, modes, is_warm=lists == "warm") as world, aiohttp.ClientSession(world.address) as session:
        await world.fill()
        with_rules(world.cluster)
        for operation in operations():
            before, begun = world.version(), len(world.cluster.calls)
            status, said = await ask(session, operation, authorization_of(caller, modes))
            refusals = expected(modes, caller, operation)
            is_right = status in refusals if refusals else status not in (401, 403) and (status < 500 or status == 501)
            if not is_right or (refusals and MARK.encode() in said):
                wrong.append((operation.verb, operation.path, status, said[:150]))
            if refusals or not operation.changes:
                assert world.version() == before, f"{operation} changed something"
            if "server" not in modes:
                own = [call for call in world.cluster.calls[begun:] if call.user == "own" and not is_for_itself(call)]
                assert not own, f"{operation} used the server's own rights: {own}"
            if operation.verb == "DELETE" or operation.path.endswith(("/retry", "/terminate", "/stop")):
                await world.fill_again()
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("modes", [("client",), ("server",), ("sso",)], ids="+".join)
async def test_everybody_may_leave_from_a_page_of_ours_and_nothing_else_changes(
    modes: tuple[str, ...], caller: str, migrated: Path, tmp_path: Path
) -> None:
    more = signed_in if "sso" in modes else lambda _access: {}
    file = Path(shutil.copy(migrated, tmp_path))
    async with running_with(file, more, modes, is_warm=False) as world, aiohttp.ClientSession(world.address) as session:
        with_rules(world.cluster)
        before, begun = world.version(), len(world.cluster.calls)
        authorization = authorization_of(caller, modes)
        headers = {"Authorization": authorization, "Cookie": f"authorization={quote(authorization)}"} if authorization else {}
        for verb, origin, status in (
            ("POST", world.address, 200 if "sso" in modes else 501), ("POST", "https://elsewhere", 403 if "sso" in modes else 501),
            ("GET", world.address, 501),
        ):  # fmt: skip
            async with session.request(verb, "/oauth2/logout", headers={**headers, "Origin": origin}) as answer:
                assert answer.status == status, (verb, origin)
                taken = answer.headers.get("Set-Cookie", "")
                assert taken.startswith('authorization=""; ') is (status == 200), taken
        assert (world.version(), len(world.cluster.calls)) == (before, begun)


def is_for_itself(call: Call) -> bool:
    """Whether the server asks for rules, for configuration or to keep its summaries up to date, never for what is asked of it."""
    return call.kind in ("configmaps", "serviceaccounts") or (call.kind == "workflows" and call.verb == "watch" and not call.namespace)


async def test_lists_show_the_live_and_the_archived_workflow_to_who_may_see_them(migrated: Path, tmp_path: Path) -> None:
    for lists in ("cold", "warm"):
        file = Path(shutil.copy(migrated, tmp_path / f"{lists}.db"))
        async with (
            running_with(file, lambda _access: {}, ("client",), is_warm=lists == "warm") as world,
            aiohttp.ClientSession(world.address) as session,
        ):
            await world.fill()
            for path in ("/api/v1/workflows/ns", "/api/v1/workflows/", "/api/v1/workflows/ns?fields=items.metadata.name"):
                async with session.get(path, headers={"Authorization": "Bearer reader"}) as answer:
                    items = json.loads(await answer.read())["items"]
                assert [one["metadata"]["name"] for one in items] == ["w", "old", "failed"]
            before = world.version()
            await world.archive.delete("uid-old")
            assert world.version() != before, "what would be changed in the archive is not seen"


def test_the_matrix_knows_every_operation_by_its_route() -> None:
    found = list(operations())
    assert len({(operation.verb, operation.route) for operation in found}) == len(OPERATIONS) >= 30
    assert all("{" not in operation.path for operation in found)

"""Every operation of the server, in every mode, by everybody: what he gets follows from who he is, by rule."""

import asyncio
import contextlib
import re
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from typing import Any, NamedTuple

import aiohttp
import pytest
import uvicorn

from tiphys.cluster.connection import Access
from tiphys.local.objects import Place
from tiphys.server.accounts import RULE, Accounts
from tiphys.server.app import OPERATIONS, make_app
from tiphys.server.operating import VERBS
from tiphys.server.session import PREFIX, Sessions
from tiphys.server.subject import SESSION, Gate
from tiphys.testing.apiserver import APIServer
from tiphys.testing.apiserver.rights import User

ARGO = "apis/argoproj.io/v1alpha1"
SPEC = {"entrypoint": "main", "templates": [{"name": "main", "container": {"image": "i", "command": ["a"]}}]}
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
    """All of them, with the names of objects that are there."""
    for verb, route, _ in OPERATIONS:
        for word in sorted(VERBS) if "{verb}" in route else ("",):
            name = "failed" if word in ("retry", "resubmit") else "w"
            filled = route.replace("{namespace}", "ns").replace("{name}", name).replace("{verb}", word)
            yield Operation(verb, route, re.sub(r"\{[^}]*\}", "w", filled))


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


@contextlib.asynccontextmanager
async def running_with(more: Callable[[Access], dict[str, Any]], *modes: str) -> AsyncIterator[tuple[APIServer, str]]:
    async with APIServer() as cluster:
        cluster.users.add("own", User("own", lambda *_: True))
        cluster.users.add("admin", User("admin", lambda *_: True))
        cluster.users.add("reader", User("reader", lambda verb, _resource, _namespace: verb in READS))
        cluster.users.add("foreign", User("foreign", lambda _verb, _resource, namespace: namespace == "theirs"))
        access = Access(server=cluster.address, token=lambda: "own")
        gate = Gate(access=access, modes=frozenset(modes), **more(access))  # type: ignore[arg-type]
        with socket.create_server(("127.0.0.1", 0)) as listener:
            program = uvicorn.Server(uvicorn.Config(make_app(gate), log_config=None, timeout_graceful_shutdown=1))
            task = asyncio.create_task(program.serve([listener]))
            while not program.started:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            yield cluster, f"http://127.0.0.1:{listener.getsockname()[1]}"
            program.should_exit = True
            await task


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
    return frozenset({403}) if caller == "foreign" or operation.changes else frozenset()


async def ask(session: aiohttp.ClientSession, operation: Operation, authorization: str | None) -> tuple[int, bytes]:
    headers = {"Authorization": authorization} if authorization else {}
    async with session.request(operation.verb, operation.path, json=body_for(operation), headers=headers) as answer:
        # a stream that is open says all by that
        return answer.status, b"" if answer.status == 200 else await answer.read()


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("modes", [("client",), ("server",), ("client", "server"), ("sso",)], ids="+".join)
async def test_everybody_gets_what_he_may_and_nothing_else(modes: tuple[str, ...], caller: str) -> None:
    wrong = []
    more = signed_in if "sso" in modes else lambda _access: {}
    async with running_with(more, *modes) as (cluster, address), aiohttp.ClientSession(address) as session:
        fill(cluster)
        with_rules(cluster)
        for operation in operations():
            before, begun = cluster.store.version, len(cluster.calls)
            status, said = await ask(session, operation, authorization_of(caller, modes))
            refusals = expected(modes, caller, operation)
            is_right = status in refusals if refusals else status not in (401, 403) and (status < 500 or status == 501)
            if not is_right:
                wrong.append((operation.verb, operation.path, status, said[:150]))
            if refusals or not operation.changes:
                assert cluster.store.version == before, f"{operation} changed something"
            if "server" not in modes:
                # the server's own rights read rules and configuration, never what is asked for
                own = [call for call in cluster.calls[begun:] if call.user == "own" and call.kind not in ("configmaps", "serviceaccounts")]
                assert not own, f"{operation} used the server's own rights: {own}"
            if operation.verb == "DELETE" or operation.path.endswith(("/retry", "/terminate", "/stop")):
                with contextlib.suppress(Exception):
                    fill_again(cluster)
    assert not wrong, "\n".join(map(str, wrong))


def fill_again(cluster: APIServer) -> None:
    """What an operation has taken away or ended is there for the next one."""
    for plural in ("workflows", "workflowtemplates", "clusterworkflowtemplates", "cronworkflows", "workfloweventbindings"):
        for one in cluster.store.find(ARGO, plural, ""):
            meta = one["metadata"]
            cluster.store.remove(Place(ARGO, plural, meta.get("namespace", ""), meta["name"]))
    fill(cluster)


def test_the_matrix_knows_every_operation_by_its_route() -> None:
    found = list(operations())
    assert len({(operation.verb, operation.route) for operation in found}) == len(OPERATIONS) >= 30
    assert all("{" not in operation.path for operation in found)

"""Events that are signed as their senders sign them."""

import base64
import hashlib
import hmac
import json
import pathlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
from tests.integration.server.test_access import fill, running_with

from tiphys.local.objects import Place
from tiphys.server.accounts import Accounts
from tiphys.server.webhooks import SECRET, Webhooks
from tiphys.testing.apiserver import APIServer

BODY = json.dumps({"ref": "refs/heads/main"}).encode()
SECRETS = {"hub": ("github", "s1"), "lab": ("gitlab", "s2"), "bucket": ("bitbucket", "{s3}"), "stash": ("bitbucketserver", "s4")}


def signed(secret: str, kind: str = "sha256", body: bytes = BODY) -> str:
    return f"{kind}=" + hmac.new(secret.encode(), body, getattr(hashlib, kind)).hexdigest()


SENDERS: dict[str, Callable[[str], dict[str, str]]] = {
    "github": lambda secret: {"X-GitHub-Event": "push", "X-Hub-Signature": signed(secret, "sha1"), "X-Hub-Signature-256": signed(secret)},
    "gitlab": lambda secret: {"X-Gitlab-Event": "Push Hook", "X-Gitlab-Token": secret},
    "bitbucket": lambda secret: {"X-Event-Key": "repo:push", "X-Hook-UUID": secret},
    "bitbucketserver": lambda secret: {"X-Event-Key": "repo:refs_changed", "X-Hub-Signature": signed(secret)},
}


@pytest.fixture
async def hooked(tmp_path: pathlib.Path) -> AsyncIterator[tuple[APIServer, aiohttp.ClientSession]]:
    def more(access: Any) -> dict[str, Any]:
        return {"webhooks": Webhooks(access, Accounts(access, "home"))}

    async with (
        running_with(tmp_path / "archive.db", more, ("client",), is_warm=False) as world,
        aiohttp.ClientSession(world.address) as session,
    ):
        cluster = world.cluster
        fill(cluster)
        entries = {account: f"type: {kind}\nsecret: {json.dumps(secret)}\n" for account, (kind, secret) in SECRETS.items()}
        entries |= {"broken": "type: [", "odd": "type: carrier-pigeon\nsecret: x", "empty": "type: gitlab\nsecret: ''"}
        encoded = {name: base64.b64encode(text.encode()).decode() for name, text in entries.items()}
        cluster.store.create(Place("api/v1", "secrets", "ns", SECRET), {"metadata": {"name": SECRET}, "data": encoded})
        for account in SECRETS:
            cluster.store.create(Place("api/v1", "serviceaccounts", "ns", account), {"metadata": {"name": account}})
            cluster.users.rights[f"system:serviceaccount:ns:{account}"] = lambda _verb, _resource, namespace: namespace == "ns"
        yield cluster, session


async def send(session: aiohttp.ClientSession, headers: dict[str, str], body: bytes = BODY, namespace: str = "ns") -> tuple[int, Any]:
    async with session.post(f"/api/v1/events/{namespace}/", data=body, headers=headers) as answer:
        return answer.status, await answer.json()


@pytest.mark.parametrize("account", SECRETS)
async def test_a_signature_that_fits_acts_as_its_service_account(hooked: tuple[APIServer, aiohttp.ClientSession], account: str) -> None:
    cluster, session = hooked
    kind, secret = SECRETS[account]
    assert await send(session, SENDERS[kind](secret)) == (200, {})
    made = [call.user for call in cluster.calls if (call.verb, call.kind) == ("create", "workflows")]
    assert made == [f"system:serviceaccount:ns:{account}"]


@pytest.mark.parametrize("kind", SENDERS)
async def test_a_signature_of_somebody_else_is_refused_and_starts_nothing(hooked: tuple[APIServer, aiohttp.ClientSession], kind: str) -> None:
    cluster, session = hooked
    before = cluster.store.version
    for secret in ("wrong", ""):
        status, said = await send(session, SENDERS[kind](secret))
        assert (status, said["message"]) == (403, "failed to process webhook request")
    assert cluster.store.version == before


async def test_a_body_that_was_changed_on_the_way_is_refused(hooked: tuple[APIServer, aiohttp.ClientSession]) -> None:
    _, session = hooked
    assert (await send(session, {"X-Hub-Signature-256": signed("s1")}, BODY + b" "))[0] == 403
    assert (await send(session, {"X-Hub-Signature": "md5=abc"}))[0] == 403


async def test_a_namespace_without_senders_takes_no_signed_event_and_one_without_signature_needs_a_token(
    hooked: tuple[APIServer, aiohttp.ClientSession],
) -> None:
    _, session = hooked
    assert (await send(session, SENDERS["gitlab"]("s2"), namespace="other"))[0] == 403
    assert (await send(session, SENDERS["gitlab"]("s2"), namespace="ns%3Fx"))[0] == 400
    assert (await send(session, {}))[0] == 401
    async with session.get("/api/v1/workflows/ns", headers=SENDERS["gitlab"]("s2")) as answer:
        assert answer.status == 401, "only events are signed"

"""Signing in at a real provider, and what who signed in may do."""

import asyncio
import base64
import contextlib
import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from tests.servers.process import listening
from tests.servers.provider import Provider

from tiphys.cluster.api import Api
from tiphys.cluster.connection import Access
from tiphys.errors import SpecError
from tiphys.local.objects import Place
from tiphys.model.base import KeySelector
from tiphys.server.around import Safety
from tiphys.server.doors import open_gate
from tiphys.server.serve import Listening, make_server
from tiphys.server.session import Sessions
from tiphys.server.sign_in import safe_path
from tiphys.settings.sign_in import SSO, SSORBAC
from tiphys.testing.apiserver import APIServer
from tiphys.testing.apiserver.rights import User

ANN = {"sub": "ann", "email": "ann@example.com", "email_verified": True, "name": "Ann", "preferred_username": "ann", "groups": ["dev", "x-1"]}
RULE, PRECEDENCE = "workflows.argoproj.io/rbac-rule", "workflows.argoproj.io/rbac-rule-precedence"
ARGO = "apis/argoproj.io/v1alpha1"


class Signed:
    """A browser, the server and the provider."""

    def __init__(self, cluster: APIServer, provider: Provider, browser: aiohttp.ClientSession, address: str) -> None:
        self.cluster, self.provider, self.browser, self.address = cluster, provider, browser, address

    async def sign_in(self, redirect: str = "/workflows/ns") -> tuple[int, str]:
        """The status at the end, and where the browser is sent then."""
        async with self.browser.get(f"{self.address}/oauth2/redirect", params={"redirect": redirect}, allow_redirects=False) as first:
            if first.status != 302:
                return first.status, await first.text()
            async with self.browser.get(first.headers["Location"], allow_redirects=False) as second:
                assert second.status == 302, await second.text()
        return await self.back(second.headers["Location"])

    async def back(self, address: str) -> tuple[int, str]:
        async with self.browser.get(address, allow_redirects=False) as last:
            return last.status, last.headers.get("Location") or await last.text()

    async def ask(self, path: str, verb: str = "GET", body: Any = None, **headers: str) -> tuple[int, Any]:
        async with self.browser.request(verb, f"{self.address}/api/v1/{path}", json=body, headers=headers) as answer:
            return answer.status, await answer.json()


@contextlib.asynccontextmanager
async def signing(environment: dict[str, str] | None = None, base: str = "/", **said: Any) -> AsyncIterator[Signed]:
    async with APIServer() as cluster, Provider("argo", "pass:word/+", dict(ANN)) as provider:
        cluster.users.add("own", User("own", lambda *_: True))
        encoded = {key: base64.b64encode(text.encode()).decode() for key, text in {"id": "argo", "secret": "pass:word/+"}.items()}
        cluster.store.create(Place("api/v1", "secrets", "home", "sso"), {"metadata": {"name": "sso"}, "data": encoded})
        access = Access(server=cluster.address, namespace="home", token=lambda: "own")
        sso = SSO(issuer=provider.issuer, client_id=KeySelector(name="sso", key="id"), client_secret=KeySelector(name="sso", key="secret"), **said)
        async with Api(access) as api:
            gate, sign_in = await open_gate(api, frozenset({"sso"}), "", sso, environment or {}, base)
        with listening() as listener:
            program = make_server(gate, Listening(host="127.0.0.1", port=0), Safety(base_href=base), None, sign_in)
            task = asyncio.create_task(program.serve([listener]))
            while not program.started:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            jar = aiohttp.CookieJar(unsafe=True)
            async with aiohttp.ClientSession(cookie_jar=jar) as browser:
                yield Signed(cluster, provider, browser, f"http://127.0.0.1:{listener.getsockname()[1]}{base.rstrip('/')}")
            program.should_exit = True
            await task


def account(cluster: APIServer, namespace: str, name: str, rule: str, precedence: str = "0", *, may: bool = True) -> None:
    notes = {RULE: rule, PRECEDENCE: precedence}
    cluster.store.create(Place("api/v1", "serviceaccounts", namespace, name), {"metadata": {"name": name, "annotations": notes}})
    cluster.users.rights[f"system:serviceaccount:{namespace}:{name}"] = lambda *_: may


async def test_who_signs_in_comes_back_to_where_he_was_and_is_known() -> None:
    async with signing() as signed:
        assert (await signed.ask("workflows/ns"))[0] == 401
        assert await signed.sign_in("/workflows/ns?x=1") == (302, "/workflows/ns?x=1")
        assert (await signed.ask("workflows/ns"))[0] == 200
        status, said = await signed.ask("userinfo")
        assert status == 200
        assert said == {"issuer": signed.provider.issuer, "subject": "ann", "groups": ["dev", "x-1"], "email": "ann@example.com",
                        "emailVerified": True, "name": "Ann", "preferredUsername": "ann"}  # fmt: skip


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites() -> None:
    async with signing(base="/argo/") as signed:
        await signed.sign_in("/argo/workflows")
        found = {cookie.key: cookie for cookie in signed.browser.cookie_jar}
        assert set(found) == {"authorization"}, "the cookie of the way is gone"
        one = found["authorization"]
        assert (one["httponly"], one["samesite"], one["path"], one["max-age"]) == (True, "strict", "/argo/", "36000")
        assert "ann" not in one.value


async def test_a_session_changes_things_from_our_own_page_only() -> None:
    async with signing() as signed:
        await signed.sign_in()
        made = {"workflow": {"metadata": {"name": "w"}, "spec": {"entrypoint": "a", "templates": [{"name": "a", "container": {"image": "i", "command": ["c"]}}]}}}
        assert (await signed.ask("workflows/ns", "POST", made))[0] == 401
        assert (await signed.ask("workflows/ns", "POST", made, Origin="https://elsewhere"))[0] == 403
        status, stored = await signed.ask("workflows/ns", "POST", made, Origin=signed.address)
        assert status == 200
        labels = {key.partition("/")[2]: text for key, text in stored["metadata"]["labels"].items()}
        assert labels == {"creator": "ann", "creator-email": "ann.at.example.com", "creator-preferred-username": "ann"}


async def test_the_token_of_a_session_serves_as_a_bearer_token_too() -> None:
    async with signing() as signed:
        await signed.sign_in()
        token = next(cookie.value for cookie in signed.browser.cookie_jar)
        signed.browser.cookie_jar.clear()
        assert token.startswith("Bearer v2:")
        assert (await signed.ask("workflows/ns", Authorization=token))[0] == 200
        assert (await signed.ask("workflows/ns", Authorization=token[:-4] + "AAAA"))[0] == 401


async def test_a_rule_of_the_highest_precedence_decides_whose_rights_count() -> None:
    async with signing(rbac=SSORBAC(enabled=True)) as signed:
        account(signed.cluster, "home", "low", "true", "1", may=False)
        account(signed.cluster, "home", "broken", "groups ??", "9")
        account(signed.cluster, "home", "odd", "true", "many")
        account(signed.cluster, "home", "dev", "'dev' in groups && email_verified", "2")
        await signed.sign_in()
        assert (await signed.ask("workflows/ns"))[0] == 200
        said = (await signed.ask("userinfo"))[1]
        assert (said["serviceAccountName"], said["serviceAccountNamespace"]) == ("dev", "home")
        by = {call.user for call in signed.cluster.calls if call.kind == "workflows"}
        assert by == {"system:serviceaccount:home:dev"}


async def test_who_no_rule_takes_is_refused_and_one_without_rights_too() -> None:
    async with signing(rbac=SSORBAC(enabled=True)) as signed:
        await signed.sign_in()
        status, said = await signed.ask("workflows/ns")
        assert (status, said["code"]) == (403, 7)
    async with signing(rbac=SSORBAC(enabled=True)) as signed:
        account(signed.cluster, "home", "all", "sub == 'ann'", may=False)
        await signed.sign_in()
        assert (await signed.ask("workflows/ns"))[0] == 403


@pytest.mark.parametrize(("delegates", "used"), [("true", "theirs:dev"), ("false", "home:login")])
async def test_a_namespace_may_give_more_where_delegation_is_on(delegates: str, used: str) -> None:
    async with signing({"SSO_DELEGATE_RBAC_TO_NAMESPACE": delegates}, rbac=SSORBAC(enabled=True)) as signed:
        account(signed.cluster, "home", "login", "true", "0")
        account(signed.cluster, "theirs", "dev", "'dev' in groups", "1")
        account(signed.cluster, "equal", "dev", "true", "0")
        await signed.sign_in()
        assert (await signed.ask("workflows/theirs"))[0] == 200
        assert (await signed.ask("workflows/equal"))[0] == 200
        users = [call.user.removeprefix("system:serviceaccount:") for call in signed.cluster.calls if call.kind == "workflows"]
        assert users == [used, "home:login"]


async def test_groups_come_from_where_the_configuration_says_and_are_filtered() -> None:
    async with signing(custom_group_claim_name="teams", user_info_path="/userinfo", filter_groups_regex=("^dev-", "ops")) as signed:
        signed.provider.more = {"teams": ["dev-a", "my-dev-b", "devops", "sales"]}
        await signed.sign_in()
        assert (await signed.ask("userinfo"))[1]["groups"] == ["dev-a", "devops"]


@pytest.mark.parametrize("claims", [{"iss": "https://elsewhere"}, {"aud": ["another"]}, {"exp": 1}, {"nonce": "old"}], ids=lambda said: next(iter(said)))
async def test_a_token_that_is_not_for_us_now_lets_nobody_in(claims: dict[str, Any]) -> None:
    async with signing() as signed:
        if "nonce" in claims:
            signed.provider.user |= claims
        signed.provider.claims = claims
        assert (await signed.sign_in())[0] == 401
        assert (await signed.ask("workflows/ns"))[0] == 401


async def test_a_provider_may_change_its_keys_but_nobody_else_may_sign() -> None:
    async with signing() as signed:
        assert (await signed.sign_in())[0] == 302
        signed.provider.change_key()
        assert (await signed.sign_in())[0] == 302
        assert signed.provider.calls.count("keys") == 2
        assert signed.provider.calls.count("discovery") == 1


async def test_another_browser_cannot_end_what_this_one_began_and_no_code_works_twice() -> None:
    async with signing() as signed:
        async with signed.browser.get(f"{signed.address}/oauth2/redirect", allow_redirects=False) as first:
            way = first.headers["Location"]
        async with signed.browser.get(way, allow_redirects=False) as second:
            back = second.headers["Location"]
        async with aiohttp.ClientSession() as other, other.get(back, allow_redirects=False) as refused:
            assert refused.status == 401
        assert (await signed.back(back.replace("state=", "state=x")))[0] == 401
        assert (await signed.back(back))[0] == 302
        assert (await signed.back(back))[0] == 401


async def test_what_the_provider_refuses_is_told() -> None:
    async with signing() as signed:
        async with signed.browser.get(f"{signed.address}/oauth2/redirect", allow_redirects=False) as first:
            state = first.headers["Location"].partition("state=")[2].partition("&")[0]
        status, said = await signed.back(f"{signed.address}/oauth2/callback?error=access_denied&error_description=no&state={state}")
        assert status == 401
        assert "access_denied no" in said


async def test_a_provider_that_is_away_keeps_nobody_out_who_is_in() -> None:
    async with signing() as signed:
        await signed.sign_in()
        await signed.provider.stop()
        assert (await signed.ask("workflows/ns"))[0] == 200
    async with signing(issuer_alias="https://elsewhere") as signed:
        status, said = await signed.sign_in()
        assert status == 401
        assert "calls itself" in said


async def test_without_a_provider_the_server_does_not_start_and_the_endpoints_say_so() -> None:
    async with APIServer() as cluster, Api(Access(server=cluster.address)) as api:
        with pytest.raises(SpecError, match=r"sso\.issuer"):
            await open_gate(api, frozenset({"sso"}), "", None, {})
        with pytest.raises(SpecError, match=r"sso\.clientId"):
            await open_gate(api, frozenset({"sso"}), "", SSO(issuer="https://x"), {})


def test_replicas_share_a_key_and_a_session_ends_in_time() -> None:
    now = 1000.0
    one, two, other = Sessions("shared", lambda: now), Sessions("shared", lambda: now), Sessions("", lambda: now)
    token = one.seal("session", {"sub": "ann"}, timedelta(hours=1))
    assert two.open("session", token) == {"sub": "ann", "exp": 4600}
    assert two.open("way", token) is None
    assert other.open("session", token) is None
    assert one.open("session", "nonsense") is None
    now = 4600.0
    assert two.open("session", token) is None


def test_claims_that_no_cookie_holds_are_told_with_what_to_do() -> None:
    groups = [hashlib.sha256(str(index).encode()).hexdigest() for index in range(200)]
    with pytest.raises(SpecError, match="a cookie holds") as refused:
        Sessions("s", lambda: 0.0).seal("session", {"groups": groups}, timedelta(hours=1))
    assert "filterGroupsRegex" in refused.value.hint


@pytest.mark.parametrize("text", ["", "//elsewhere", "https://elsewhere/", "/\\elsewhere", "javascript:alert(1)", "/a\r\nSet-Cookie: x", "\\\\elsewhere"])
def test_nobody_is_sent_to_another_site(text: str) -> None:
    assert safe_path(text, "/") == "/"


def test_a_path_of_ours_is_kept() -> None:
    assert safe_path("/argo/workflows?a=b#c", "/argo/") == "/argo/workflows?a=b#c"
    assert safe_path("/other", "/argo/") == "/argo/"

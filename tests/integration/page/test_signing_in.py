"""Signing in at a real provider with a real browser, and leaving."""

import base64
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser
from tests.integration.page.conftest import serving
from tests.servers.browser import visit
from tests.servers.network import Network
from tests.servers.provider import Provider

from tiphys.cluster.api import Api
from tiphys.cluster.connection import Access
from tiphys.local.objects import Place
from tiphys.model.base import KeySelector
from tiphys.server.app import make_app
from tiphys.server.doors import open_gate
from tiphys.settings.sign_in import SSO
from tiphys.testing.apiserver import APIServer
from tiphys.testing.apiserver.rights import User

pytestmark = pytest.mark.asyncio(loop_scope="session")
ANN = {"sub": "ann", "email": "ann@example.com", "email_verified": True, "name": "Ann", "groups": ["dev"]}


async def test_somebody_signs_in_comes_back_to_where_he_was_starts_something_and_leaves(browser: Browser, network: Network) -> None:
    async with APIServer() as cluster, Provider("argo", "pass", dict(ANN)) as provider:
        cluster.users.add("own", User("own", lambda *_: True))
        secret = {key: base64.b64encode(text.encode()).decode() for key, text in {"id": "argo", "secret": "pass"}.items()}
        cluster.store.create(Place("api/v1", "secrets", "home", "sso"), {"metadata": {"name": "sso"}, "data": secret})
        access = Access(server=cluster.address, namespace="home", token=lambda: "own")
        identity, password = KeySelector(name="sso", key="id"), KeySelector(name="sso", key="secret")
        async with Api(access) as api:
            gate, sign_in = await open_gate(
                api, frozenset({"sso"}), "", SSO(issuer=provider.issuer, client_id=identity, client_secret=password), {}, "/flow/"
            )
        assert sign_in is not None
        async with (
            network.reached(urlsplit(provider.issuer).port or 0),
            serving(make_app(gate, "/flow/", more=sign_in.routes()), network) as address,
            visit(browser, f"{address}/flow") as one,
        ):
            one.expected = [": 401", f"not from here: {provider.issuer}"]
            await one.open("/templates/ns?name=x")
            await one.link("Log in").click()
            await one.link("Single sign-on").click()
            await one.page.wait_for_url("**/templates/ns?name=x")
            await one.see("There is no template here.")
            one.expected = [f"not from here: {provider.issuer}"]
            one.complaints.clear()
            await one.open("/create/workflows/ns")
            await one.see("No problems")
            await one.button("Submit").click()
            await one.page.wait_for_url("**/flow/workflows/ns/*")
            made = cluster.store.read(Place("apis/argoproj.io/v1alpha1", "workflows", "ns", one.place.rpartition("/")[2]))
            assert made["metadata"]["labels"]["workflows.argoproj.io/creator"] == "ann"
            await one.link("User").click()
            await one.see("ann@example.com")
            one.check_quiet()
            await one.picture("signed-in")
            one.expected = [": 401", *one.expected]
            await one.button("Log out").click()
            await one.page.wait_for_url("**/login")
            assert not [cookie for cookie in await one.page.context.cookies() if cookie["name"] == "authorization"]
            await one.open("/templates")
            await one.link("Log in").wait_for()

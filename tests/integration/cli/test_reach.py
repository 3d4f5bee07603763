"""kubectl's connection flags: who is connected to, as whom, by whom, for how long."""

import base64
import pathlib
from collections.abc import AsyncIterator

import pytest
from tests.integration.cli.conftest import Shell
from tests.servers.ways import Way, proxy, tls_before

NAME = "api.example"


@pytest.fixture
async def front(shell: Shell, tmp_path: pathlib.Path) -> AsyncIterator[Way]:
    """TLS before the server, with a certificate for another name than its host's; the kubeconfig leads there."""
    folder = tmp_path / "tls"
    folder.mkdir()
    async with tls_before(int(shell.server.address.rpartition(":")[2]), folder, NAME) as way:
        text = shell.kubeconfig.read_text().replace(shell.server.address, f"https://127.0.0.1:{way.port}")
        shell.kubeconfig.write_text(text.replace(f'{way.port}"', f'{way.port}", certificate-authority: tls/ca.crt'))
        yield way


@pytest.mark.parametrize("command", [("list",), ("get", "w")])
async def test_a_server_is_known_by_the_name_that_is_said(shell: Shell, front: Way, command: tuple[str, ...]) -> None:
    shell.create("w")
    code, _, errors = await shell.run(*command)
    assert (code, "IP address mismatch" in errors) == (1, True), errors
    code, _, errors = await shell.run(*command, "--tls-server-name", NAME)
    assert code == 0, errors
    shell.kubeconfig.write_text(shell.kubeconfig.read_text().replace("certificate-authority", f"tls-server-name: {NAME}, certificate-authority"))
    assert (await shell.run(*command))[0] == 0


@pytest.mark.parametrize("command", [("list",), ("stop", "w")])
async def test_a_server_is_reached_by_the_proxy_that_is_said(shell: Shell, front: Way, command: tuple[str, ...]) -> None:
    shell.create("w")
    async with proxy() as way:
        code, _, errors = await shell.run(*command, "--tls-server-name", NAME, "--proxy-url", f"http://me:secret@127.0.0.1:{way.port}")
        assert code == 0, errors
        pair = base64.b64encode(b"me:secret").decode()
        assert {line.split(" HTTP")[0] for line in way.asked} == {f"CONNECT 127.0.0.1:{front.port}"}
        assert all(f"Proxy-Authorization: Basic {pair}" in line for line in way.asked)
        assert pair not in "".join(front.asked)
    code, _, errors = await shell.run(*command, "--tls-server-name", NAME, "--proxy-url", f"http://127.0.0.1:{way.port}")
    assert (code, "no answer from" in errors) == (1, True), errors


@pytest.mark.parametrize("command", [("list",), ("get", "w")])
async def test_requests_say_who_asks_and_for_whom(shell: Shell, front: Way, command: tuple[str, ...]) -> None:
    shell.create("w")
    code, _, errors = await shell.run(
        *command, "--tls-server-name", NAME, "--username", "jo", "--password", "p:w", "--as", "ann", "--as-group", "a", "--disable-compression"
    )
    assert code == 0, errors
    for asked in front.asked:
        lines = [line.lower() for line in asked.split("\r\n")]
        assert f"authorization: basic {base64.b64encode(b'jo:p:w').decode()}".lower() in lines
        assert {"impersonate-user: ann", "impersonate-group: a", "accept-encoding: identity"} <= set(lines)


@pytest.mark.parametrize("command", [("list",), ("get", "w")])
async def test_a_request_takes_no_longer_than_is_said(shell: Shell, front: Way, command: tuple[str, ...]) -> None:
    front.is_silent = True
    code, _, errors = await shell.run(*command, "--tls-server-name", NAME, "--request-timeout", "300ms")
    assert (code, "no answer from" in errors) == (1, True), errors

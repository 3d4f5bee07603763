"""Commands as users call them, on a small API server: what they print, how they end, how fast they start."""

import asyncio
import pathlib
import sys

import pytest
from tests.integration.cli.conftest import Shell

LIST_SECONDS, VERSION_SECONDS = 0.4, 0.15


async def test_list_shows_what_is_there_and_starts_fast(shell: Shell) -> None:
    shell.create("one")
    shell.create("two")
    code, out, _ = await shell.run("list")
    assert code == 0
    assert sorted(line.split()[0] for line in out.splitlines()) == ["NAME", "one", "two"]
    assert await shell.cpu_seconds("list", enough=LIST_SECONDS) <= LIST_SECONDS


async def test_version_starts_fast(shell: Shell) -> None:
    assert (await shell.run("version"))[1].startswith("tiphys: v")
    assert await shell.cpu_seconds("version", enough=VERSION_SECONDS) <= VERSION_SECONDS


async def test_a_list_costs_no_client_for_thousands_of_requests() -> None:
    code = "import sys, tiphys.cli.app, tiphys.cli.listing; print(sorted({'aiohttp', 'rich.console', 'kopf', 'sqlalchemy'} & set(sys.modules)))"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    assert (await process.communicate())[0] == b"[]\n"


async def test_what_is_not_there_is_told_in_one_line(shell: Shell) -> None:
    code, out, errors = await shell.run("stop", "none")
    assert (code, out) == (1, "")
    assert 'workflows "none" not found' in errors
    assert "Traceback" not in errors


async def test_a_server_that_is_away_is_told_in_one_line(shell: Shell) -> None:
    async with shell.server.outage():
        code, _, errors = await shell.run("list")
    assert code == 1
    assert "no answer from http://127.0.0.1" in errors
    assert "Traceback" not in errors


async def test_a_token_that_is_not_taken_is_told_in_one_line(shell: Shell) -> None:
    shell.server.token = "another"  # noqa: S105
    code, _, errors = await shell.run("list")
    assert code == 1
    assert "Unauthorized" in errors


async def test_a_token_is_printed_as_servers_want_it(shell: Shell) -> None:
    assert await shell.run("auth", "token") == (0, "Bearer t\n", "")
    shell.kubeconfig.write_text(shell.kubeconfig.read_text().replace("{token: t}", "{}"))
    code, _, errors = await shell.run("auth", "token")
    assert (code, "the kubeconfig has no token" in errors) == (1, True)


async def test_the_environment_names_the_namespace_and_a_server_is_said_not_to_be_asked(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.create("here")
    monkeypatch.setenv("ARGO_NAMESPACE", "elsewhere")
    monkeypatch.setenv("ARGO_SERVER", "argo:2746")
    code, out, errors = await shell.run("list", "-o", "name")
    assert (code, out.strip()) == (0, "")
    assert errors == "tiphys: ARGO_SERVER has no effect: commands talk to Kubernetes directly\n"
    assert (await shell.run("list", "-n", "ns", "-o", "name"))[1] == "here\n"


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
async def test_shells_complete_commands(shell: Shell, name: str) -> None:
    code, out, _ = await shell.run("completion", name)
    assert code == 0
    for command in ("submit", "resubmit", "terminate"):
        assert command in out


async def test_the_bash_completion_completes(shell: Shell, tmp_path: pathlib.Path) -> None:
    _, script, _ = await shell.run("completion", "bash")
    (tmp_path / "tiphys.bash").write_text(script)
    ask = (
        f"source {tmp_path}/tiphys.bash; COMP_WORDS=(tiphys ter); COMP_CWORD=1; "
        "f=$(complete -p tiphys | grep -o '\\-F [^ ]*' | cut -d' ' -f2); $f tiphys ter tiphys; echo ${COMPREPLY[@]}"
    )
    process = await asyncio.create_subprocess_exec("bash", "-c", ask, stdout=asyncio.subprocess.PIPE)
    assert (await process.communicate())[0].split() == [b"terminate"]


async def test_an_unknown_command_is_refused_with_the_nearest(shell: Shell) -> None:
    code, out, errors = await shell.run("terminat")
    assert code != 0
    assert "terminate" in out + errors

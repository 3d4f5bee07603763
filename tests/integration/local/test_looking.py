"""Looking back at runs of this machine, and ahead by them: recorded histories, and how long steps took."""

import json
import pathlib
from typing import Any

from tests.integration.local.conftest import Home

LEAF = "{{name: {}, container: {{image: alpine, command: [sh, -c, {!r}]}}}}"
TWO_WAYS = (
    "entrypoint: main\ntemplates:\n"
    "- {name: main, dag: {tasks: [{name: a, template: a}, {name: slow, template: slow, depends: a}, {name: b, template: b, depends: a},"
    " {name: last, template: b, depends: b}]}}\n"
    "- " + LEAF.format("a", "true") + "\n"
    "- " + LEAF.format("b", "true") + "\n"
    "- " + LEAF.format("slow", "{}") + "\n"
)  # fmt: skip


def planned(home: Home, file: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(home.tiphys("plan", file, "-o", "json"))
    return found


def test_a_recorded_run_is_replayed_and_shown_as_it_was_in_the_middle(home: Home, tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "histories"
    home.run(home.workflow(TWO_WAYS.replace("{}", "true", 1)), "--record", str(folder))
    (file,) = folder.glob("*.jsonl")
    said = home.tiphys("replay", str(folder))
    count = int(said.rpartition(": ")[2].split()[0])
    assert said == f"{file}: {count} events, the same decisions\n"
    middle = home.tiphys("replay", str(file), "--until", "2")
    assert middle.startswith(f"{file}: 2 events, the same decisions\n")
    assert "Status:              Running" in middle
    assert "Status:              Succeeded" in home.tiphys("replay", str(file), "--until", str(count))
    lines = file.read_text().splitlines()
    changed = next(index for index, line in enumerate(lines) if '"StartNode"' in line)
    lines[changed] = lines[changed].replace('"StartNode"', '"NoSuchAction"', 1)
    file.write_text("\n".join(lines) + "\n")
    assert f"{file}: event {changed}," in home.tiphys("replay", str(folder), code=1)


def test_what_is_planned_takes_as_long_as_the_runs_of_this_machine_and_its_archive_did(home: Home) -> None:
    file = home.workflow(TWO_WAYS.replace("{}", "sleep 3", 1))
    assert planned(home, file)["earlierRuns"] == 0
    home.run(file)
    home.run(file)
    home.tiphys("delete", "w", "--local")
    # neither is there any more, but in the archive
    plan = planned(home, file)
    assert plan["earlierRuns"] == 2
    assert [one.rpartition(".")[2] for one in plan["timing"]["critical"]] == ["a", "slow"]
    assert plan["timing"]["seconds"] >= 3
    assert ", by a → slow, as in 2 earlier runs" in home.tiphys("plan", file)

"""Finished workflows reach the archive once, whatever happens to the database, the controller or the workflow."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from tests.databases.servers import PASSWORD
from tests.integration.archive.conftest import NAMESPACE, Life, World, configuration, eventually

from tiphys.model.parse import parse_workflow
from tiphys.settings import OwnConfiguration, parse_configuration
from tiphys.settings.environment import Environment

CONDITION = "ArchivingDelayed"


async def test_a_finished_workflow_is_archived_and_says_so(world: World) -> None:
    life = await world.start()
    world.submit("one", labels={"team": "a"})
    await eventually(lambda: world.status("one") == "Archived")
    copy = await world.archived("one")
    assert copy is not None
    live = world.workflow("one")
    assert copy["metadata"]["labels"]["workflows.argoproj.io/workflow-archiving-status"] == "Persisted"
    assert copy["status"] == live["status"]
    assert copy["spec"] == live["spec"]
    assert copy["metadata"]["uid"] == live["metadata"]["uid"]
    await eventually(lambda: life.metric("tiphys_archived_workflows_total") == 1)
    await eventually(lambda: life.metric("tiphys_archive_up") == 1)


async def test_only_workflows_of_the_selector_are_archived(world: World) -> None:
    await world.start(archiveLabelSelector={"matchLabels": {"keep": "yes"}})
    world.submit("kept", labels={"keep": "yes"})
    world.submit("dropped")
    await eventually(lambda: world.status("kept") == "Archived")
    await eventually(lambda: world.workflow("dropped")["status"].get("phase") == "Succeeded")
    assert world.status("dropped") == ""
    assert await world.names() == ["kept"]


async def test_a_failed_workflow_is_archived_too(world: World) -> None:
    await world.start()
    world.submit("bad", entrypoint="nothing")
    await eventually(lambda: world.status("bad") == "Archived")
    copy = await world.archived("bad")
    assert copy is not None
    assert copy["status"]["phase"] in ("Failed", "Error")


def is_over(life: Life) -> bool:
    """Whether the time to live of all that it knows is over: they would be deleted now."""
    keeper = life.controller.housekeeper
    return bool(keeper.counts["Succeeded"]) and keeper.due_count == 0


async def test_deletion_by_time_to_live_waits_for_the_archive(world: World) -> None:
    world.server.kill()
    life = await world.start()
    world.submit("short", ttlStrategy={"secondsAfterCompletion": 0})
    await eventually(lambda: life.metric("tiphys_archive_backlog") == 1 and is_over(life))
    assert world.status("short") == "Pending"
    world.server.start()
    await eventually(lambda: not world.exists("short"))
    assert await world.names() == ["short"]


async def test_a_database_that_is_killed_costs_delay_only(world: World) -> None:
    life = await world.start()
    world.submit("before")
    await eventually(lambda: world.status("before") == "Archived")
    world.server.kill()
    for number in range(20):
        world.submit(f"during-{number:02}")
    # workflows run as if nothing had happened, and wait
    await eventually(lambda: all(world.workflow(f"during-{n:02}").get("status", {}).get("phase") == "Succeeded" for n in range(20)))
    await eventually(lambda: life.metric("tiphys_archive_backlog") == 20)
    await eventually(lambda: life.metric("tiphys_archive_up") == 0)

    def told() -> list[Any]:
        shown = [world.workflow(f"during-{n:02}")["status"].get("conditions", ()) for n in range(20)]
        return [one for conditions in shown for one in conditions if one["type"] == CONDITION]

    assert (await eventually(told))[0]["status"] == "True"
    world.server.start()
    await eventually(lambda: all(world.status(f"during-{n:02}") == "Archived" for n in range(20)))
    assert sorted(await world.names()) == ["before", *(f"during-{n:02}" for n in range(20))]
    assert not told()
    copies = [await world.archived(f"during-{n:02}") for n in range(20)]
    assert not [one for copy in copies if copy for one in copy["status"].get("conditions", ()) if one["type"] == CONDITION]
    await eventually(lambda: life.metric("tiphys_archive_backlog") == 0)


async def test_what_waits_is_archived_after_the_controller_was_killed_too(world: World) -> None:
    world.server.kill()
    life = await world.start()
    for number in range(5):
        world.submit(f"w-{number}")
    await eventually(lambda: all(world.status(f"w-{n}") == "Pending" for n in range(5)))
    await life.kill()
    world.lives.remove(life)
    world.server.start()
    await world.start()
    await eventually(lambda: all(world.status(f"w-{n}") == "Archived" for n in range(5)))
    assert sorted(await world.names()) == [f"w-{n}" for n in range(5)]


async def test_two_controllers_archive_each_workflow_once(world: World) -> None:
    await asyncio.gather(world.start(), world.start())
    for number in range(30):
        world.submit(f"w-{number:02}")
    await eventually(lambda: all(world.status(f"w-{n:02}") == "Archived" for n in range(30)))
    assert sorted(await world.names()) == [f"w-{n:02}" for n in range(30)]


async def test_a_workflow_that_somebody_deletes_while_it_waits_is_archived_as_it_was(world: World) -> None:
    world.server.kill()
    await world.start()
    world.submit("gone")
    await eventually(lambda: world.status("gone") == "Pending")
    world.api_server.store.delete(world.place("gone"))
    await asyncio.sleep(0.3)
    world.server.start()
    copy = await eventually(lambda: world.archived("gone"))
    assert copy["status"]["phase"] == "Succeeded"


async def test_archived_workflows_are_forgotten_by_age(world: World) -> None:
    life = await world.start(Environment(archived_workflow_gc_period=timedelta(seconds=1)), archiveTTL="2s")
    for number in range(3):
        world.submit(f"w-{number}")
    await eventually(lambda: all(world.status(f"w-{n}") == "Archived" for n in range(3)))
    await eventually(lambda: life.metric("tiphys_archive_purged_total") == 3)
    assert await world.names() == []


async def test_no_log_and_no_object_shows_the_databases_password(world: World, caplog: pytest.LogCaptureFixture) -> None:
    life = await world.start()
    world.submit("one")
    await eventually(lambda: world.status("one") == "Archived")
    world.server.kill()
    world.submit("two")
    await eventually(lambda: life.metric("tiphys_archive_up") == 0)
    world.server.start()
    await eventually(lambda: world.status("two") == "Archived")
    assert PASSWORD not in caplog.text
    assert PASSWORD not in str(await world.archived("two"))
    assert PASSWORD not in str([vars(call) if hasattr(call, "__dict__") else call for call in world.api_server.calls])
    assert PASSWORD not in life.metrics.text().decode()


async def test_retention_by_number_waits_for_the_archive(world: World) -> None:
    world.server.kill()
    life = await world.start()
    said = parse_configuration({"retentionPolicy": "completed: 1"})
    life.controller.configure(said, OwnConfiguration())
    for number in range(4):
        world.submit(f"w-{number}")
    await eventually(lambda: all(world.status(f"w-{n}") == "Pending" for n in range(4)))
    await eventually(lambda: life.metric("tiphys_archive_backlog") == 4)
    assert all(world.exists(f"w-{n}") for n in range(4))
    world.server.start()
    await eventually(lambda: sum(world.exists(f"w-{n}") for n in range(4)) == 1)
    assert sorted(await world.names()) == [f"w-{n}" for n in range(4)]


async def test_an_end_that_another_controller_wrote_waits_for_the_archive_too(world: World) -> None:
    world.server.kill()
    lives = [await world.start(), await world.start()]
    world.submit("short", ttlStrategy={"secondsAfterCompletion": 0})
    await eventually(lambda: all(life.metric("tiphys_archive_backlog") == 1 and is_over(life) for life in lives))
    assert world.status("short") == "Pending"
    world.server.start()
    await eventually(lambda: not world.exists("short"))
    assert await world.names() == ["short"]
    await eventually(lambda: all(life.metric("tiphys_archive_backlog") == 0 for life in lives))


async def test_nothing_is_deleted_by_a_housekeeper_that_hears_of_it_before_all_others(world: World) -> None:
    world.server.kill()
    first = await world.start()
    world.submit("short", ttlStrategy={"secondsAfterCompletion": 0})
    await eventually(lambda: world.status("short") == "Pending")
    await first.kill()
    world.lives.remove(first)
    world.server.start()
    late = Life(world.api_server, configuration(world.server, world.name))
    async with late.api:
        late.controller.housekeeper.heard(world.workflow("short"))
        assert late.persisting.keeping.backlog == 1
        await eventually(lambda: is_over(late))
        # its archiver does not run: nothing is settled, and nothing deleted before what is asked now is answered
        await late.api.read("Workflow", NAMESPACE, "short")
        await late.api.read("Workflow", NAMESPACE, "short")
        assert world.exists("short")
        late.controller.abandon()
    await world.start()
    await eventually(lambda: not world.exists("short"))
    assert await world.names() == ["short"]


async def test_what_is_not_for_the_archive_goes_while_the_database_is_away(world: World) -> None:
    world.server.kill()
    await world.start(archiveLabelSelector={"matchLabels": {"keep": "yes"}})
    world.submit("kept", labels={"keep": "yes"}, ttlStrategy={"secondsAfterCompletion": 0})
    world.submit("dropped", ttlStrategy={"secondsAfterCompletion": 0})
    await eventually(lambda: not world.exists("dropped"))
    assert world.exists("kept")
    world.server.start()
    await eventually(lambda: not world.exists("kept"))
    assert await world.names() == ["kept"]


def finished(world: World, name: str, **status: Any) -> None:
    """A workflow that waits for the archive, as some controller left it."""
    world.submit(name, ttlStrategy={"secondsAfterCompletion": 0}, suspend=True)
    labels = {"workflows.argoproj.io/completed": "true", "workflows.argoproj.io/workflow-archiving-status": "Pending"}
    ended = {"phase": "Succeeded", "startedAt": "2026-01-02T03:04:05Z", "finishedAt": "2026-01-02T03:04:06Z", **status}
    world.api_server.store.patch(world.place(name), {"metadata": {"labels": labels}, "status": ended})


def conditions(world: World, name: str) -> list[str]:
    return [one["type"] for one in world.workflow(name)["status"].get("conditions", ())]


async def test_a_workflow_that_the_database_refuses_is_kept_and_told_and_nobody_waits_for_it(world: World) -> None:
    # a column of Argo's schema holds 25 characters
    for number in range(6):
        finished(world, f"bad-{number}", phase="Succeeded, or so somebody wrote by hand")
    finished(world, "good")
    life = await world.start()
    await eventually(lambda: not world.exists("good"))
    assert await world.names() == ["good"]
    await eventually(lambda: life.metric("tiphys_archive_refused") == 6)
    await eventually(lambda: all(conditions(world, f"bad-{n}") == ["ArchivingFailed"] for n in range(6)))
    await eventually(lambda: life.metric("tiphys_archive_failures_total", code="invalid-manifest") >= 6)
    await eventually(lambda: life.metric("tiphys_archive_up") == 1)
    events = await eventually(lambda: world.api_server.store.find("api/v1", "events", NAMESPACE))
    assert {one["reason"] for one in events if one["involvedObject"]["name"].startswith("bad-")} == {"ArchivingFailed"}
    # once it can be taken, it is, without a restart
    world.api_server.store.patch(world.place("bad-3"), {"status": {"phase": "Succeeded"}})
    await eventually(lambda: not world.exists("bad-3"))
    copy = await world.archived("bad-3")
    assert copy is not None
    assert not copy["status"].get("conditions")
    await eventually(lambda: life.metric("tiphys_archive_refused") == 5)
    assert all(world.exists(f"bad-{n}") for n in (0, 1, 2, 4, 5))


async def test_who_takes_the_label_away_lets_a_refused_workflow_go(world: World) -> None:
    finished(world, "bad", phase="Succeeded, or so somebody wrote by hand")
    life = await world.start()
    await eventually(lambda: conditions(world, "bad") == ["ArchivingFailed"])
    world.api_server.store.patch(world.place("bad"), {"metadata": {"labels": {"workflows.argoproj.io/workflow-archiving-status": None}}})
    await eventually(lambda: not world.exists("bad"))
    await eventually(lambda: life.metric("tiphys_archive_refused") == 0)
    assert await world.names() == []


@pytest.mark.parametrize("server", ["mysql"], indirect=True)
async def test_a_body_larger_than_a_packet_holds_up_no_other(world: World) -> None:
    world.server.sql("set global max_allowed_packet = 1048576;")
    finished(world, "huge", message="x" * 3_000_000)
    life = await world.start()
    for number in range(8):
        world.submit(f"small-{number}")
    await eventually(lambda: all(world.status(f"small-{n}") == "Archived" for n in range(8)))
    await eventually(lambda: conditions(world, "huge") == ["ArchivingFailed"])
    await eventually(lambda: life.metric("tiphys_archive_backlog") == 1)
    # connections that are opened from now on take more
    world.server.kill()
    world.server.start()
    world.server.sql("set global max_allowed_packet = 67108864;")
    world.api_server.store.patch(world.place("huge"), {"metadata": {"labels": {"tried": "again"}}})
    await eventually(lambda: not world.exists("huge"))
    assert "huge" in await world.names()


async def test_a_retried_workflow_is_not_deleted_for_its_former_end(world: World) -> None:
    life = await world.start()
    world.submit("again", ttlStrategy={"secondsAfterCompletion": 3600})
    await eventually(lambda: world.status("again") == "Archived" and life.controller.housekeeper.due_count == 1)
    labels = {"workflows.argoproj.io/completed": None, "workflows.argoproj.io/workflow-archiving-status": None}
    world.api_server.store.patch(world.place("again"), {"metadata": {"labels": labels}, "spec": {"suspend": True}, "status": None})
    await eventually(lambda: life.controller.lives)
    assert life.controller.housekeeper.counts["Succeeded"] == 0


async def test_what_a_workflow_will_take_is_found_in_the_archive(world: World) -> None:
    label = {"workflows.argoproj.io/workflow-template": "nightly"}
    await world.start()
    world.submit("one", labels=label, ttlStrategy={"secondsAfterCompletion": 0})
    await eventually(lambda: not world.exists("one"))
    await world.lives.pop().kill()
    second = await world.start()
    # its estimate is looked for as it begins, and comes while it waits
    world.submit("two", labels=label, suspend=True)
    await eventually(lambda: "estimatedDuration" in world.workflow("two").get("status", {}))
    assert second.controller.estimator.of(parse_workflow(world.workflow("two")))
    # and is there for the next
    world.submit("three", labels=label)
    await eventually(lambda: world.status("three") == "Archived")
    assert isinstance(world.workflow("three")["status"]["estimatedDuration"], int)
    assert "estimatedDuration" in world.workflow("three")["status"]["nodes"]["three"]

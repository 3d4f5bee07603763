"""`cron`: schedules.

Source: features 15, 25; argo-semantics 24.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Annotated

import msgspec
from cyclopts import Parameter

from tiphys.cli import objects
from tiphys.cli.documents import Manifest
from tiphys.cli.filling import Filling, parameters_of
from tiphys.cli.listing import Output
from tiphys.cli.objects import CRON as KIND
from tiphys.cli.session import POLL_SECONDS, Where, now, with_api
from tiphys.cli.spans import spell
from tiphys.cli.table import print_table
from tiphys.cli.verbs import verbs
from tiphys.cluster.api import Api
from tiphys.engine.cron.child import child_name, child_of
from tiphys.engine.cron.missed import slots_between
from tiphys.engine.cron.times import Schedule, parse_schedule, parse_zone
from tiphys.engine.operations.parameters import parse_pairs
from tiphys.errors import AlreadyExists, NotFound, SpecError
from tiphys.expr.times import go_format
from tiphys.model.arguments import Parameter as Argument
from tiphys.model.names import LABEL_COMPLETED, PREFIX
from tiphys.model.parse import parse_as, to_manifest
from tiphys.model.workflow import CronWorkflow, Workflow

LABEL_BACKFILL = PREFIX + "backfill"
_, _, apply, delete, lint = verbs(KIND)


@Parameter(name="*")
@dataclass(kw_only=True)
class Additions:
    """What a command line adds to schedules before they are stored.

    Attributes:
        parameter: NAME=VALUE, for the workflows.
        parameter_file: Parameters as YAML or JSON.
        name: The schedule's name.
        generate_name: The beginning of a generated one.
        labels: KEY=VALUE, with commas, for the schedule.
        entrypoint: The template with which the workflows begin.
        serviceaccount: Of their pods.
        schedule: Instead of those of the file.
    """

    parameter: Annotated[list[str] | None, Parameter(name=["--parameter", "-p"])] = None
    parameter_file: Annotated[str, Parameter(name=["--parameter-file", "-f"])] = ""
    name: str = ""
    generate_name: str = ""
    labels: Annotated[str, Parameter(name=["--labels", "-l"])] = ""
    entrypoint: str = ""
    serviceaccount: str = ""
    schedule: str = ""

    def fill(self, manifest: Manifest) -> None:
        """Put them into a schedule.

        Raises:
            SpecError: The schedule cannot be read, or a pair has no `=`.
        """
        spec, meta = manifest["spec"], manifest.setdefault("metadata", {})
        inner: Manifest = {"metadata": meta, "spec": spec.setdefault("workflowSpec", {})}
        Filling(
            parameters=parameters_of(self.parameter, self.parameter_file), name=self.name, generate_name=self.generate_name,
            labels=parse_pairs([part for part in self.labels.split(",") if part]),
            spec={"entrypoint": self.entrypoint, "serviceAccountName": self.serviceaccount},
        ).fill(inner)  # fmt: skip
        meta.pop("generateName" if self.name else "name" if self.generate_name else "", None)
        if self.schedule:
            parse_schedule(self.schedule, None)
            spec["schedules"] = [self.schedule]


def create(
    *files: str, output: Output = "", strict: bool = True, additions: Additions | None = None, where: Where | None = None
) -> int:  # fmt: skip
    """Create CronWorkflows from files, `-` for standard input."""
    fill = (additions or Additions()).fill
    return objects.send(KIND, files, objects.create, output=output, strict=strict, where=where, fill=fill)


def update(
    *files: str, output: Output = "", strict: bool = True, additions: Additions | None = None, where: Where | None = None
) -> int:  # fmt: skip
    """Make stored CronWorkflows what files say."""
    fill = (additions or Additions()).fill
    return objects.send(KIND, files, objects.update, output=output, strict=strict, where=where, fill=fill)


def suspend(*names: str, where: Where | None = None) -> int:
    """Let schedules start nothing."""
    return _set_suspend(names, where, is_suspended=True)


def resume(*names: str, where: Where | None = None) -> int:
    """Let schedules go on."""
    return _set_suspend(names, where, is_suspended=False)


def _set_suspend(names: tuple[str, ...], where: Where | None, *, is_suspended: bool) -> int:
    async def work(api: Api, namespace: str) -> int:
        for name in names:
            await api.patch(KIND.title, namespace, name, {"spec": {"suspend": is_suspended}})
            print(f"CronWorkflow '{name}' {'suspended' if is_suspended else 'resumed'}")
        return 0

    return with_api(where, work)


def get(*names: str, output: Output = "", where: Where | None = None) -> int:
    """Show CronWorkflows."""

    async def work(api: Api, namespace: str) -> int:
        for name in names:
            one = await objects.read(api, KIND, namespace, name)
            if output in ("json", "yaml", "name"):
                objects.show(KIND, one, output)
                continue
            for title, value in _lines(one):
                print(f"{title + ':':<28}{value}".rstrip())
        return 0

    return with_api(where, work)


def _lines(one: Manifest) -> list[tuple[str, str]]:
    cron = parse_as(CronWorkflow, one)
    spec, status = cron.spec, cron.status
    said = [
        ("Schedules", ", ".join(spec.schedules)),
        ("Suspended", str(bool(spec.suspend)).lower()),
        ("Timezone", spec.timezone),
        ("StartingDeadlineSeconds", "" if spec.starting_deadline_seconds is None else str(spec.starting_deadline_seconds)),
        ("ConcurrencyPolicy", spec.concurrency_policy),
        ("LastScheduledTime", _time(status.last_scheduled_time)),
        ("NextScheduledTime", _next(cron)),
        ("Succeeded", str(status.succeeded or 0)),
        ("Failed", str(status.failed or 0)),
        ("Phase", status.phase),
        ("Active Workflows", ", ".join(str(reference.get("name", "")) for reference in status.active)),
        *((f"Condition {condition.type}", condition.message) for condition in status.conditions),
    ]
    return [*objects.heading(KIND, one), *((title, value) for title, value in said if value)]


def _time(at: datetime | None) -> str:
    return f"{at:%a %b %d %H:%M:%S %z} ({spell(now() - at)} ago)" if at else ""


def _schedules(cron: CronWorkflow) -> list[Schedule]:
    place: tzinfo | None = parse_zone(cron.spec.timezone) if cron.spec.timezone else None
    return [parse_schedule(text, place) for text in cron.spec.schedules]


def _next(cron: CronWorkflow) -> str:
    try:
        found = [slot for schedule in _schedules(cron) if (slot := schedule.after(now())) is not None]
    except SpecError as e:
        return f"never: {e.message}"
    return f"{min(found).astimezone(UTC):%a %b %d %H:%M:%S %z} (in {spell(min(found) - now())})" if found else "never"


def list_(
    *,
    all_namespaces: Annotated[bool, Parameter(name=["--all-namespaces", "-A"])] = False,
    selector: Annotated[str, Parameter(name=["--selector", "-l"])] = "",
    output: Output = "",
    where: Where | None = None,
) -> int:
    """List CronWorkflows."""

    async def work(api: Api, namespace: str) -> int:
        home = "" if all_namespaces else namespace
        found = [one async for one in objects.all_objects(api, KIND, home, selector)]
        if output == "name":
            print("\n".join(one["metadata"]["name"] for one in found))
            return 0
        columns = ["NAME", "AGE", "LAST RUN", "NEXT RUN", "SCHEDULES", "TIMEZONE", "SUSPENDED"]
        rows = [_row(one) for one in found]
        if all_namespaces:
            columns = ["NAMESPACE", *columns]
            rows = [[one["metadata"]["namespace"], *row] for one, row in zip(found, rows, strict=True)]
        print_table(columns, rows, "No cron workflows found")
        return 0

    return with_api(where, work)


def _row(one: Manifest) -> list[str]:
    name = one["metadata"]["name"]
    try:
        cron = parse_as(CronWorkflow, one)
        upcoming = [slot for schedule in _schedules(cron) if (slot := schedule.after(now())) is not None]
    except SpecError as e:
        return [name, objects.age(one), "", f"never: {e.message}", "", "", ""]
    last = cron.status.last_scheduled_time
    return [
        name,
        objects.age(one),
        spell(now() - last) if last else "N/A",
        spell(min(upcoming) - now()) if upcoming else "N/A",
        ",".join(cron.spec.schedules),
        cron.spec.timezone,
        str(bool(cron.spec.suspend)).lower(),
    ]


def backfill(  # noqa: PLR0913 as many options as Argo's
    cron: str,
    *,
    start: str,
    end: str = "",
    name: str = "",
    parallel: int = 1,
    argname: str = "cronScheduleTime",
    format_: Annotated[str, Parameter(name="--format")] = "Mon, 02 Jan 2006 15:04:05 MST",
    max_workflow_count: Annotated[int, Parameter(name=["--max-workflow-count", "--maxworkflowcount"])] = 1000,
    dry_run: bool = False,
    where: Where | None = None,
) -> int:
    """Run the slots of a schedule between two times, oldest first; 1 when one did not succeed.

    A slot whose workflow is there already is not run again, so that the same call goes on where it was cut off.

    Args:
        cron: The schedule's name.
        start: First time, RFC 3339.
        end: Last time; now unless said.
        name: Of the backfill, for its label; the schedule's unless said.
        parallel: How many workflows run at a time.
        argname: The workflows' parameter that says their slot.
        format_: How it says it: Go's example date, written as the slot is to be.
        max_workflow_count: Refuse to make more.
        dry_run: Only list the slots.
        where: The cluster.
    """
    first, last = _moment(start), _moment(end) if end else now()

    async def work(api: Api, namespace: str) -> int:
        found = parse_as(CronWorkflow, await objects.read(api, KIND, namespace, cron))
        # a slot at the very start counts
        slots = slots_between(_schedules(found), first - timedelta(seconds=1), last)
        if len(slots) > max_workflow_count:
            raise SpecError(f"{len(slots)} slots, but --max-workflow-count is {max_workflow_count}", hint="nothing was started")
        place = parse_zone(found.spec.timezone) if found.spec.timezone else UTC
        made = [
            _with_argument(
                child_of(found, slot, labels={LABEL_BACKFILL: name or cron}), argname, go_format(slot.astimezone(place), format_)
            )
            for slot in slots
        ]
        if dry_run:
            print("\n".join(f"{child_name(cron, slot)}  {slot.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for slot in slots))
            return 0
        return await _run_all(api, namespace, made, max(1, parallel))

    return with_api(where, work)


def _with_argument(workflow: Workflow, name: str, value: str) -> Workflow:
    arguments = workflow.spec.arguments
    others = tuple(parameter for parameter in arguments.parameters if parameter.name != name)
    arguments = msgspec.structs.replace(arguments, parameters=(*others, Argument(name=name, value=value)))
    return msgspec.structs.replace(workflow, spec=msgspec.structs.replace(workflow.spec, arguments=arguments))


def _moment(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as e:
        raise SpecError(f"{text!r} is no time", hint="write it as 2026-01-31T09:00:00Z") from e
    return at if at.tzinfo else at.replace(tzinfo=UTC)


async def _run_all(api: Api, namespace: str, made: list[Workflow], parallel: int) -> int:
    """Run workflows, so many at a time; the exit code."""
    places = asyncio.Semaphore(parallel)

    async def run(one: Workflow) -> bool:
        async with places:
            try:
                await api.create("Workflow", namespace, to_manifest(one))
                print(f"{one.metadata.name} submitted")
            except AlreadyExists:
                print(f"{one.metadata.name} is there already")
            phase = await _end_of(api, namespace, one.metadata.name)
            print(f"{one.metadata.name} {phase}")
            return phase == "Succeeded"

    ended = await asyncio.gather(*(run(one) for one in made))
    bad = sum(not is_good for is_good in ended)
    print(f"{len(ended) - bad} succeeded, {bad} did not")
    return 1 if bad else 0


async def _end_of(api: Api, namespace: str, name: str) -> str:
    while True:
        try:
            found = parse_as(Workflow, await api.read("Workflow", namespace, name))
        except NotFound:
            return "deleted"
        if found.metadata.labels.get(LABEL_COMPLETED) == "true":
            return found.status.phase
        await asyncio.sleep(POLL_SECONDS)

"""`logs`: what a workflow's containers printed."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from cyclopts import Parameter

from tiphys.cli.session import Where, find_workflow, with_api
from tiphys.cluster.api import Api
from tiphys.cluster.logs import PodLogs, Window
from tiphys.errors import InvalidManifest, NotFound, SpecError, TiphysError
from tiphys.model.durations import parse_duration
from tiphys.model.phases import COMPLETED
from tiphys.model.record import MARK
from tiphys.model.workflow import Workflow
from tiphys.server.printed import kept_lines, pods_of


class Lines(msgspec.Struct, frozen=True, kw_only=True):
    """Which lines are printed, and how.

    Attributes:
        container: Whose.
        follow: Those to come, too.
        grep: Only lines with a part that matches.
        window: Which the API server gives.
        labels: Only pods with these.
    """

    container: str = "main"
    follow: bool = False
    grep: str = ""
    window: Window = Window()
    labels: str = ""


def logs(  # noqa: PLR0913 as many options as Argo's
    name: str,
    pod: str = "",
    *,
    follow: Annotated[bool, Parameter(name=["--follow", "-f"], negative="")] = False,
    container: Annotated[str, Parameter(name=["--container", "-c"])] = "main",
    grep: str = "",
    tail: int | None = None,
    since: str = "",
    since_time: str = "",
    previous: Annotated[bool, Parameter(name=["--previous", "-p"], negative="")] = False,
    timestamps: Annotated[bool, Parameter(negative="")] = False,
    selector: Annotated[str, Parameter(name=["--selector", "-l"])] = "",
    no_color: Annotated[bool, Parameter(negative="")] = False,
    where: Where | None = None,
) -> int:
    """Show the logs of a workflow, or of one of its pods.

    Args:
        name: The workflow.
        pod: The pod; all of them where it is not given.
        follow: Go on until the workflow ends.
        container: The container.
        grep: Only lines in which this regular expression is found.
        tail: The last so many lines of each pod.
        since: Lines no older than, as `5s`, `2m`, `3h`.
        since_time: Lines printed at this time (RFC 3339) or later.
        previous: Those of the container's life before this one.
        timestamps: Each line with its time.
        selector: Only pods with these labels.
        no_color: There are no colors.
        where: The cluster.
    """
    del no_color
    window = Window(
        tail=tail, previous=previous, timestamps=timestamps, since=_time(since_time) if since_time else None,
        since_seconds=max(1, int(parse_duration(since).total_seconds())) if since else 0,
    )  # fmt: skip
    if where is not None and where.local:
        _check_kept_here(window)
    lines = Lines(container=container, follow=follow, grep=_pattern(grep), window=window, labels=selector)

    async def work(api: Api, namespace: str) -> int:
        await print_logs(api, namespace, name, lines, pod=pod)
        return 0

    return with_api(where, work)


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as e:
        raise SpecError(f"{text!r} is no time", path="--since-time", hint="write it as 2026-01-31T12:00:00Z") from e
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _check_kept_here(window: Window) -> None:
    """Of a run on this machine there is what was printed: without times, and of a container's only life."""
    asked = {
        "--since": window.since_seconds, "--since-time": window.since,
        "--timestamps": window.timestamps, "--previous": window.previous,
    }  # fmt: skip
    for option, is_said in asked.items():
        if is_said:
            told = "logs of this machine have no times, and no former life of a container"
            raise SpecError(told, path=option, hint="--tail says how many lines")


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as e:
        raise SpecError(f"{text!r} is no regular expression: {e}", path="--grep") from e
    return text


async def print_logs(api: Api, namespace: str, name: str, lines: Lines, *, pod: str = "") -> None:
    """Print lines as `pod: line`; where they are followed, until the workflow is finished."""
    shown: dict[str, asyncio.Task[None]] = {}
    while True:
        workflow = await find_workflow(api, namespace, name)
        for one in await pods_of(api, workflow, lines.labels):
            if one not in shown and pod in ("", one):
                shown[one] = asyncio.create_task(_print_pod(api, workflow, one, lines))
        if not lines.follow or workflow.status.phase in COMPLETED:
            break
        await asyncio.sleep(0.5)
    await asyncio.gather(*shown.values())


async def _print_pod(api: Api, workflow: Workflow, pod: str, lines: Lines) -> None:
    try:
        async for line in lines_of(api, workflow, pod, lines):
            if not lines.grep or re.search(lines.grep, line.partition(" ")[2] if lines.window.timestamps else line):
                sys.stdout.write(f"{pod}: {line}\n")
    except (NotFound, InvalidManifest) as e:
        print(f"{pod}: no logs: {e.message}", file=sys.stderr)
    except TiphysError as e:
        print(f"{pod}: {e.message}", file=sys.stderr)


async def lines_of(api: Api, workflow: Workflow, pod: str, lines: Lines) -> AsyncIterator[str]:
    """What a container printed, without the ends of lines; of a pod that is gone, what was archived.

    Raises:
        NotFound: Nothing is known of it.
    """
    async for raw in _raw_lines(api, workflow, pod, lines):
        line = raw.decode(errors="replace")
        said = line.partition(" ")[2] if lines.window.timestamps else line
        if not said.startswith(MARK):
            yield line.removesuffix("\n")


async def _raw_lines(api: Api, workflow: Workflow, pod: str, lines: Lines) -> AsyncIterator[bytes]:
    namespace = workflow.metadata.namespace
    try:
        async for raw in PodLogs(api).follow(namespace, pod, lines.container, follow=lines.follow, window=lines.window):
            yield raw
    except NotFound:
        # the pod is gone: its log may be in the archive
        newest = await find_workflow(api, namespace, workflow.metadata.name)
        kept = await kept_lines(api, newest, pod, lines.container, lines.window.tail)
        if kept is None:
            raise
        async for raw in kept:
            yield raw

"""When schedules start next: for the page, by the same reading of schedules as the controller's."""

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tiphys.engine.cron.times import parse_schedule, parse_zone
from tiphys.errors import SpecError, TiphysError
from tiphys.server.answers import answer, failure

_MOST = 20


def upcoming(schedules: list[str], timezone: str, after: datetime, count: int) -> list[datetime]:
    """The next starts of several schedules together, earliest first; fewer than `count` where there are no more.

    Raises:
        SpecError: A schedule or the time zone cannot be read.
    """
    place = parse_zone(timezone) if timezone else UTC
    read = [parse_schedule(text, place) for text in schedules]
    found: list[datetime] = []
    at = after
    while len(found) < count:
        nexts = [moment for one in read if (moment := one.after(at)) is not None]
        if not nexts:
            break
        at = min(nexts)
        found.append(at)
    return found


async def _read(request: Request) -> Response:
    asked = request.query_params
    try:
        schedules = asked.getlist("schedule")
        if not 0 < len(schedules) <= _MOST:
            raise SpecError(f"there are {len(schedules)} schedules, not 1 to {_MOST}", path="schedule")
        try:
            after, count = datetime.fromisoformat(asked.get("after", "")), min(int(asked.get("count", "5")), _MOST)
        except ValueError as e:
            raise SpecError(f"`after` is a time and `count` a number: {e}") from e
        if after.tzinfo is None:
            raise SpecError("the time has no zone", path="after")
        times = upcoming(schedules, asked.get("timezone", ""), after.astimezone(UTC), count)
    except (TiphysError, OverflowError) as e:
        return failure(e if isinstance(e, TiphysError) else SpecError(f"no such time: {e}"))
    return answer({"items": [one.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for one in times]})


ROUTES = (Route("/schedules/next", _read),)

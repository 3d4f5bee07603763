"""Whether a failed template runs again, and when: one pure decision over the attempts so far.

Source: argo-semantics 11.
"""

import re
from datetime import datetime, timedelta

import msgspec

from tiphys.engine.variables import last_retry
from tiphys.errors import SpecError
from tiphys.expr.scope import Scope
from tiphys.expr.template import evaluate_in
from tiphys.model.durations import parse_duration, spell_duration
from tiphys.model.phases import ERROR, FAILED
from tiphys.model.status import NodeStatus
from tiphys.model.template import Backoff, RetryStrategy

POLICIES = {
    "Always": frozenset({FAILED, ERROR}),
    "OnFailure": frozenset({FAILED}),
    "OnError": frozenset({ERROR}),
    "OnTransientError": frozenset({FAILED, ERROR}),
}
_TRANSIENT = re.compile(
    r"(?i)connection (refused|reset)|i/o timeout|tls handshake timeout|etcdserver: |no route to host|too many requests|"
    r"server is currently unable|temporar(y|ily)|exceeded quota|unexpected eof"
)


class Decision(msgspec.Struct, frozen=True):
    """What to do after an attempt has failed.

    Attributes:
        wait_until: Not yet: show `message` and decide again then.
        phase: Stop: the Retry node ends in this phase with `message`; empty to start another attempt.
    """

    phase: str = ""
    message: str = ""
    wait_until: datetime | None = None


def effective_policy(strategy: RetryStrategy) -> str:
    """The policy, `Always` or `OnFailure` where none is written.

    Raises:
        SpecError: There is no such policy.
    """
    policy = strategy.retry_policy or ("Always" if strategy.expression else "OnFailure")
    if policy not in POLICIES:
        raise SpecError(f"{policy} is not a valid RetryPolicy")
    return policy


def limit_of(strategy: RetryStrategy) -> int | None:
    """How many attempts follow the first; None for no limit.

    Raises:
        SpecError: It is no number.
    """
    if strategy.limit is None or strategy.limit == "":
        return None
    try:
        return int(str(strategy.limit).strip())
    except ValueError as e:
        raise SpecError(f"retryStrategy.limit: {strategy.limit!r} is no number") from e


def decide(
    strategy: RetryStrategy, first: NodeStatus, last: NodeStatus, attempts: int, now: datetime, transient: str = ""
) -> Decision:
    """What to do after attempt number `attempts` failed.

    Args:
        strategy: What is written.
        first: The first attempt.
        last: The one that failed.
        attempts: How many there were.
        now: The time.
        transient: A regular expression of messages that `OnTransientError` tries again, beside the usual ones; empty for none.

    Raises:
        SpecError: The strategy is wrong.
        ExpressionError: Its expression fails.
    """
    limit = limit_of(strategy)
    if strategy.backoff is not None:
        waiting = _back_off(strategy.backoff, limit, first, last, attempts, now)
        if waiting is not None:
            return waiting
    policy = effective_policy(strategy)
    if last.phase not in POLICIES[policy] or (policy == "OnTransientError" and not _is_transient(last.message, transient)):
        return Decision(phase=last.phase, message=last.message)
    if limit is not None and attempts > limit:
        return Decision(phase=last.phase, message="No more retries left")
    if strategy.expression and not _agrees(strategy.expression, last, attempts, now):
        return Decision(phase=last.phase, message="retryStrategy.expression evaluated to false")
    return Decision()


def _is_transient(message: str, more: str) -> bool:
    return _TRANSIENT.search(message) is not None or (bool(more) and re.search(more, message) is not None)


def _agrees(expression: str, last: NodeStatus, attempts: int, now: datetime) -> bool:
    values = {"retries": str(attempts - 1), **last_retry(last, now, unknown_exit_code="-1")}
    value = evaluate_in(expression, Scope(values), now=now)
    if not isinstance(value, bool):
        raise SpecError(f"retryStrategy.expression must be a condition, got {value!r}")
    return value


def _back_off(
    backoff: Backoff, limit: int | None, first: NodeStatus, last: NodeStatus, attempts: int, now: datetime
) -> Decision | None:
    if not backoff.duration:
        raise SpecError("no base duration specified for retryStrategy")
    deadline = max_deadline(backoff, first)
    if deadline is not None and now > deadline:
        return Decision(phase=last.phase, message="Max duration limit exceeded")
    if limit is None or attempts > limit:
        return None
    wait = waiting_time(backoff, attempts)
    due = (last.finished_at or now) + wait
    if deadline is not None and due > deadline:
        return Decision(phase=last.phase, message="Backoff would exceed max duration limit")
    if due > now:
        return Decision(message=f"Backoff for {spell_duration(wait)}", wait_until=due)
    return None


def max_deadline(backoff: Backoff | None, first: NodeStatus) -> datetime | None:
    """When `maxDuration` after the first attempt's start is over."""
    if backoff is None or not backoff.max_duration or first.started_at is None:
        return None
    return first.started_at + parse_duration(backoff.max_duration)


def waiting_time(backoff: Backoff, attempts: int) -> timedelta:
    """How long to wait after so many attempts.

    Raises:
        SpecError: A duration is none.
    """
    wait = parse_duration(backoff.duration)
    factor = float(backoff.factor or 0)
    longest = parse_duration(backoff.cap) if backoff.cap else timedelta(days=3650)
    if factor > 0:
        for _ in range(attempts - 1):
            if wait > longest:
                break
            wait *= factor
    return min(wait, longest)

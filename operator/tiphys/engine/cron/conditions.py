"""`when` and `stopStrategy.expression` of a schedule: what they see, and what they say.

Source: argo-semantics 24.4.
Differs from Argo: `cronworkflow.annotations` holds the annotations (there it holds the labels).
"""

from datetime import datetime

from tiphys.errors import ExpressionError
from tiphys.expr.condition import when
from tiphys.expr.language import compile_expression
from tiphys.expr.render import go_json
from tiphys.expr.scope import Scope
from tiphys.expr.template import substitute_text
from tiphys.model.workflow import CronWorkflow


def _values(cron: CronWorkflow) -> dict[str, object]:
    meta, status = cron.metadata, cron.status
    return {
        "name": meta.name,
        "namespace": meta.namespace,
        "labels": dict(meta.labels),
        "annotations": dict(meta.annotations),
        "labels.json": go_json(dict(meta.labels)),
        "annotations.json": go_json(dict(meta.annotations)),
        "failed": status.failed or 0,
        "succeeded": status.succeeded or 0,
        "lastScheduledTime": status.last_scheduled_time,
    }


def is_to_stop(cron: CronWorkflow, now: datetime) -> bool:
    """Whether the schedule has come to its end.

    Raises:
        ExpressionError: The expression fails or says neither yes nor no.
    """
    strategy = cron.spec.stop_strategy
    if strategy is None or not strategy.expression:
        return False
    try:
        return compile_expression(strategy.expression).evaluate_bool({"cronworkflow": _values(cron)}, now=now)
    except ExpressionError as e:
        message = f"failed to check CronWorkflow '{cron.metadata.name}' stopping condition: {e.message}"
        raise ExpressionError(message, source=strategy.expression) from e


def is_wanted(cron: CronWorkflow, now: datetime) -> bool:
    """Whether `when` lets a slot run.

    Raises:
        ExpressionError: It fails.
    """
    if not cron.spec.when:
        return True
    values = _values(cron)
    scope = Scope({f"cronworkflow.{key}": value for key, value in values.items() if key not in ("labels", "annotations")})
    nested = scope.child({
        **{f"cronworkflow.labels.{key}": text for key, text in cron.metadata.labels.items()},
        **{f"cronworkflow.annotations.{key}": text for key, text in cron.metadata.annotations.items()},
    })  # fmt: skip
    return when(substitute_text(cron.spec.when, nested, strict=True, now=now), bare_words=False)

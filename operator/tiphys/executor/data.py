"""`tiphys executor data`: lists the files below an artifact's key and puts the list through expressions.

Source: argo-semantics 18.5.
"""

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from tiphys.errors import SpecError, TiphysError
from tiphys.executor.attempts import attempt
from tiphys.executor.record import described
from tiphys.expr.scope import Scope
from tiphys.expr.template import evaluate_in
from tiphys.model.parse import parse_as
from tiphys.model.places import key_of
from tiphys.model.staging import SECRET_FOLDER
from tiphys.model.template import DataTemplate, Template, TransformationStep


def run_data() -> int:
    """Do what TIPHYS_TEMPLATE says; the value as JSON goes to standard output; the exit code."""
    try:
        template = parse_as(Template, os.environ["TIPHYS_TEMPLATE"])
        if template.data is None:
            raise SpecError("the template has no data")
        value = transformed(_listed(template.data), template.data.transformation)
    except (TiphysError, KeyError) as e:
        message = e.message if isinstance(e, TiphysError) else f"{e} is not set"
        print(f"error: {message}", file=sys.stderr)
        return 1
    print(json.dumps(value, separators=(",", ":"), ensure_ascii=False))
    return 0


def _listed(data: DataTemplate) -> list[str]:
    from tiphys.artifacts.drivers import open_driver
    from tiphys.artifacts.secrets import mounted

    paths = data.source.artifact_paths if data.source is not None else None
    if paths is None:
        raise SpecError("data.source.artifactPaths is required")
    driver = open_driver(paths, mounted(Path(os.environ.get("TIPHYS_SECRETS", SECRET_FOLDER))))
    return attempt(lambda: sorted(driver.list(key_of(paths))), what=described(paths))


def transformed(value: object, steps: tuple[TransformationStep, ...]) -> object:
    """The value after each expression, which knows it as `data`.

    Raises:
        ExpressionError: One cannot be evaluated.
    """
    now = datetime.now(UTC)  # noqa: TID251 a pod's own clock
    for step in steps:
        value = evaluate_in(step.expression, Scope({"data": value}), now=now)
    return value

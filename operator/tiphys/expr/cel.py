"""CEL, Kubernetes' own policy language: rules of CRDs and of tenants. The only importer of celpy.

Importing this module loads celpy, which takes long: import it where a rule is evaluated, not at start.
Source: the Common Expression Language's definition.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import celpy
from celpy.adapter import json_to_cel
from celpy.celparser import CELParseError
from celpy.evaluation import CELEvalError

from tiphys.errors import ExpressionError


class CelProgram:
    """A compiled CEL expression; `source` is its text."""

    __slots__ = ("_program", "source")

    def __init__(self, source: str, program: Any) -> None:
        self.source = source
        self._program = program

    def evaluate(self, variables: Mapping[str, Any]) -> object:
        """The value, as plain JSON values where it is one.

        Raises:
            ExpressionError: It fails.
        """
        try:
            return _plain(self._program.evaluate({name: json_to_cel(value) for name, value in variables.items()}))
        except (CELEvalError, ValueError, RecursionError) as e:
            message = str(e.args[0] if e.args else e).partition(" (in activation")[0]
            raise ExpressionError(f"cel: {message}", source=self.source) from e


def _plain(value: Any) -> object:
    """A celpy value as the plain value that it extends."""
    if isinstance(value, celpy.celtypes.BoolType):
        return bool(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    for kind in (int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value


@lru_cache(maxsize=512)
def compile_cel(text: str) -> CelProgram:
    """The program of a CEL expression.

    Raises:
        ExpressionError: It does not parse.
    """
    environment = celpy.Environment()
    try:
        return CelProgram(text, environment.program(environment.compile(text)))
    except (CELParseError, RecursionError) as e:
        raise ExpressionError(f"cel: {e.args[0]}", source=text) from e

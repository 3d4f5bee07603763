"""CEL, Kubernetes' own policy language: rules of CRDs and of tenants. The only importer of celpy.

Source: the Common Expression Language's definition.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import celpy
import celpy.adapter

from tiphys.errors import ExpressionError


class CelProgram:
    """A compiled CEL expression."""

    __slots__ = ("_program", "source")

    def __init__(self, source: str, program: Any) -> None:
        self.source = source
        self._program = program

    def evaluate(self, variables: Mapping[str, object]) -> object:
        """The value, as plain JSON values where it is one.

        Raises:
            ExpressionError: It fails.
        """
        activation = {name: celpy.adapter.json_to_cel(value) for name, value in variables.items()}
        try:
            return self._program.evaluate(activation)
        except celpy.CELEvalError as e:
            raise ExpressionError(f"cel: {e.args[0]}", source=self.source) from e


@lru_cache(maxsize=512)
def compile_cel(source: str) -> CelProgram:
    """The program of a CEL expression.

    Raises:
        ExpressionError: It does not parse.
    """
    environment = celpy.Environment()
    try:
        return CelProgram(source, environment.program(environment.compile(source)))
    except celpy.CELParseError as e:
        raise ExpressionError(f"cel: {e.args[0]}", source=source) from e

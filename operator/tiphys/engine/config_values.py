"""Parameters that come from ConfigMaps: asked for, waited for, and then read again from the node that got them.

Source: argo-semantics 10.1.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from tiphys.engine.actions import ReadConfigMap
from tiphys.engine.events import ConfigMapRead
from tiphys.errors import SpecError
from tiphys.expr.scope import Scope
from tiphys.expr.template import substitute_text
from tiphys.model.arguments import Arguments, Inputs, Parameter, ValueFrom
from tiphys.model.base import KeySelector

if TYPE_CHECKING:
    from tiphys.engine.run import Run

Key = tuple[str, str]


class Awaited(Exception):  # noqa: N818 no error: what is asked for is not known yet
    """A value was asked for; whoever needs it begins again when it is there."""


class ConfigValues:
    """Values of ConfigMaps' keys, as far as this run has read them."""

    def __init__(self, run: "Run") -> None:
        self._run = run
        self._known: dict[Key, ConfigMapRead] = {}
        self._waiting: dict[Key, list[Callable[[], None]]] = {}

    def global_arguments(self, arguments: Arguments, again: Callable[[], None]) -> Arguments:
        """The workflow's arguments with what ConfigMaps say.

        Args:
            arguments: As written.
            again: Called when a value has come that was not known.

        Raises:
            Awaited: A value is not known yet.
            SpecError: There is no such value, and no default.
        """
        own = {f"workflow.parameters.{p.name}": p.value for p in arguments.parameters if p.value is not None}
        scope = Scope(dict(own))
        parameters = []
        for parameter in arguments.parameters:
            source = _source(parameter)
            if source is not None:
                what = f"failed to set global parameter {parameter.name} from configmap: "
                parameter = self._filled(parameter, source, scope, what, again)  # noqa: PLW2901 the filled one
            parameters.append(parameter)
        return msgspec.structs.replace(arguments, parameters=tuple(parameters))

    def inputs(self, declared: Inputs, arguments: Arguments, stored: Inputs | None, again: Callable[[], None]) -> Inputs:
        """The declared inputs, where those that come from ConfigMaps have a value.

        Args:
            declared: Of the template.
            arguments: Of the call; one with a value makes the ConfigMap needless.
            stored: Of the node, when it exists: what it got, it keeps.
            again: Called when a value has come that was not known.

        Raises:
            Awaited: A value is not known yet.
            SpecError: There is no such value, and no default.
        """
        given = {parameter.name: parameter for parameter in arguments.parameters}
        got = {parameter.name: parameter.value for parameter in (stored.parameters if stored is not None else ())}
        parameters = []
        for parameter in declared.parameters:
            argument = given.get(parameter.name)
            source = _source(parameter) if argument is None else None if argument.value is not None else _source(argument)
            if source is None:
                parameters.append(parameter)
            elif got.get(parameter.name) is not None:
                parameters.append(msgspec.structs.replace(parameter, value=got[parameter.name], value_from=None))
            else:
                what = f"unable to retrieve inputs.parameters.{parameter.name} from ConfigMap: "
                parameters.append(self._filled(parameter, source, self._run.scope, what, again))
        return msgspec.structs.replace(declared, parameters=tuple(parameters))

    def _filled(self, parameter: Parameter, source: ValueFrom, scope: Scope, what: str, again: Callable[[], None]) -> Parameter:
        reference = source.config_map_key_ref or KeySelector()
        now = self._run.now
        key = (substitute_text(reference.name, scope, now=now), substitute_text(reference.key, scope, now=now))
        read = self._known.get(key)
        if read is None:
            if key not in self._waiting:
                self._run.act(ReadConfigMap(*key))
            self._waiting.setdefault(key, []).append(again)
            raise Awaited
        value = read.value
        if value is None and read.is_missing:
            value = source.default if source.default is not None else parameter.default
        if value is None:
            raise SpecError(what + read.error)
        return msgspec.structs.replace(parameter, value=value, value_from=None)

    def hear(self, event: ConfigMapRead) -> None:
        """A value is known, or why it is not."""
        key = (event.name, event.key)
        self._known[key] = event
        for again in self._waiting.pop(key, ()):
            self._run.soon(again)


def _source(parameter: Parameter) -> ValueFrom | None:
    source = parameter.value_from
    return source if source is not None and source.config_map_key_ref is not None else None

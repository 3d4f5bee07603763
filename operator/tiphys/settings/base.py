"""What all settings share: immutability, JSON names, durations. Settings never show their values: some are secret."""

from datetime import timedelta
from typing import TYPE_CHECKING

from tiphys.model.base import Model

if TYPE_CHECKING:
    Duration = timedelta
else:

    class _IsTimedelta(type):
        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, timedelta)

    class Duration(metaclass=_IsTimedelta):
        """A duration written as Go does (`1h30m`, `30d`); always a `timedelta` once read."""


class Settings(Model, frozen=True):
    """The root of all settings; its text form names the fields that are set, and no value."""

    def __repr__(self) -> str:
        said = (name for name in self.__struct_fields__ if getattr(self, name) not in (None, "", (), {}))
        return f"{type(self).__name__}({', '.join(said)})"

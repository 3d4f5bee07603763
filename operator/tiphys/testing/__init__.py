"""For tests of workflows and of Tiphys: a world without a cluster, on a clock of its own."""

from tiphys.testing.trial import Mock, Trial

__all__ = ["Mock", "Trial"]

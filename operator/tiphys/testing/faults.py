"""What goes wrong in a simulation, and how often.

Source: threats-and-faults 3.4 (F1, F5 to F9).
"""

import random

import msgspec


class Faults(msgspec.Struct, frozen=True):
    """How likely each fault is, whenever it could happen.

    Attributes:
        crash: The controller dies after an effect: all that it knew and had in flight is lost.
        duplicate: An event is told again.
        drop: An event is not told; the next look at everything tells what is.
        conflict: Somebody else writes the object just before us.
        unanswered: An effect happens, but the answer says that it did not.
        reorder: Events of different pods overtake each other.
    """

    crash: float = 0.0
    duplicate: float = 0.0
    drop: float = 0.0
    conflict: float = 0.0
    unanswered: float = 0.0
    reorder: bool = False


NONE = Faults()


def faults_of(seed: int) -> Faults:
    """The faults of a seed: each kind is off, rare or frequent."""
    roll = random.Random(seed ^ 0x5EED)  # noqa: S311 a seed must make the same faults again

    def rate(*choices: float) -> float:
        return roll.choice(choices)

    return Faults(
        crash=rate(0.0, 0.02, 0.15, 0.4),
        duplicate=rate(0.0, 0.1, 0.4),
        drop=rate(0.0, 0.1, 0.4),
        conflict=rate(0.0, 0.1, 0.3),
        unanswered=rate(0.0, 0.1, 0.3),
        reorder=roll.random() < 0.7,
    )

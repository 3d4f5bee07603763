"""An index of names, which revision 0004 makes better: nothing is left to do here."""

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make nothing."""

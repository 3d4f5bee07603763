"""`version`."""

from tiphys import __version__


def version(*, short: bool = False) -> int:
    """Show the version."""
    print(__version__ if short else f"tiphys: v{__version__}")
    return 0

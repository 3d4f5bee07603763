"""The command `tiphys`. Commands are imported when they are called, so that each starts fast."""

import sys


def main() -> None:
    """Run the command line; exits with its code."""
    from tiphys.cli.app import run

    sys.exit(run(sys.argv[1:]))

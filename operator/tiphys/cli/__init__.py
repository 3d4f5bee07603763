"""The command `tiphys`. Commands are imported when they are called, so that each starts fast."""

import sys


def main() -> None:
    """Run the command line; exits with its code."""
    if sys.argv[1:] in (["version"], ["version", "--short"]):
        # nothing is to be parsed, and a parser costs more than all else
        from tiphys.cli.version import version

        sys.exit(version(short="--short" in sys.argv))
    if sys.argv[1:3] in (["executor", "load"], ["executor", "save"]):
        # in each pod with artifacts: the command line's own machinery would cost more than the work
        from tiphys.cli import executor

        sys.exit(executor.load() if sys.argv[2] == "load" else executor.save())
    from tiphys.cli.app import run

    sys.exit(run(sys.argv[1:]))

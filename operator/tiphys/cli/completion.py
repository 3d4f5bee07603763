"""`completion`: what a shell needs to complete commands and options."""

from typing import Literal


def completion(shell: Literal["bash", "zsh", "fish"]) -> int:
    """Print the completion script for a shell.

    Args:
        shell: `source <(tiphys completion bash)`, likewise zsh; `tiphys completion fish | source`.
    """
    from tiphys.cli.app import app

    print(app.generate_completion(prog_name="tiphys", shell=shell))
    return 0

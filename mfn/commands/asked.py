"""What is asked for in place of a run."""

import sys

from mfn.config.command_line import CommandLine
from mfn.config.help import help_text


def tell_help(name: str, line: CommandLine) -> None:
    """Tells what there is to type, where that is asked for, and ends the program.

    Args:
        name: Of the script's configuration.
        line: As typed.
    """
    if line.help:
        sys.stdout.write(help_text(name, line.config_dir))
        sys.exit(0)

"""Runs the command: `python -m promptbook_store`."""

from __future__ import annotations

import os
import subprocess
import sys

from ._command import command


def main() -> int:
    """Runs the command with the arguments of this process, and returns its exit code."""
    arguments = [command(), *sys.argv[1:]]
    if os.name == "posix":
        # Signals reach the command itself.
        os.execv(arguments[0], arguments)
    return subprocess.call(arguments)


if __name__ == "__main__":
    sys.exit(main())

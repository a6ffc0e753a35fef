"""The path of the command that this package installs."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from importlib import metadata
from pathlib import Path
from typing import Iterator

NAME = "promptbook.exe" if sys.platform == "win32" else "promptbook"
DISTRIBUTION = "promptbook-store"
VARIABLE = "PROMPTBOOK_COMMAND"


class CommandNotFound(FileNotFoundError):
    """The command `promptbook` is not installed."""


def command() -> str:
    """Returns the path of the command `promptbook`.

    This is the value of `PROMPTBOOK_COMMAND` if it is set, else the command that was installed
    with this package, else the first `promptbook` on the `PATH`.

    Raises `CommandNotFound` if there is none.
    """
    named = os.environ.get(VARIABLE)
    if named:
        found = shutil.which(named)
        if found is None:
            raise CommandNotFound(f"{VARIABLE} is {named}, which is not a program")
        return os.path.abspath(found)
    for candidate in _installed():
        if candidate.is_file():
            return str(candidate.resolve())
    on_path = shutil.which(NAME)
    if on_path is None:
        raise CommandNotFound(
            f"the command promptbook is not installed; reinstall {DISTRIBUTION}, or set {VARIABLE} to its path"
        )
    return on_path


def _installed() -> Iterator[Path]:
    """Yields the places where an installer puts the command, the most certain first."""
    try:
        files = metadata.files(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == NAME:
            yield Path(str(file.locate()))
    for scheme in (None, f"{os.name}_user"):
        scripts = sysconfig.get_path("scripts", scheme) if scheme else sysconfig.get_path("scripts")
        if scripts:
            yield Path(scripts) / NAME

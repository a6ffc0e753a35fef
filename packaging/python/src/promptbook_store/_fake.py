"""A fake as a value with a beginning and an end."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Sequence

from ._process import FakeProcess
from ._world import FixturesOrPath, World

START_TIMEOUT = 20.0


class Fake(World):
    """A fake Helicone that runs until `stop`, or until the end of a `with` block.

    `fixtures` are the prompts that it begins with: the path of a JSON file or of a folder of
    bodies, or the fixtures themselves. `arguments` are other options of `promptbook fake`, such
    as `["--status", "plain"]`. `command` is the program, by default that of `promptbook_store.command()`.

    Raises `FakeError` with the fake's own reason if it cannot start, or does not within `timeout`
    seconds. No process remains then.
    """

    def __init__(
        self,
        fixtures: "FixturesOrPath | None" = None,
        *,
        arguments: Sequence[str] = (),
        command: "str | None" = None,
        timeout: float = START_TIMEOUT,
    ) -> None:
        given = list(arguments)
        if isinstance(fixtures, (str, os.PathLike)):
            given += ["--fixtures", os.fspath(fixtures)]
        self._process = FakeProcess(given, command, timeout)
        super().__init__(self._process.address, self._process.ended)
        if fixtures is not None and not isinstance(fixtures, (str, os.PathLike)):
            try:
                self.load(fixtures)
            except BaseException:
                self.stop()
                raise

    def __enter__(self) -> "Fake":
        return self

    def __exit__(
        self,
        kind: "type[BaseException] | None",
        error: "BaseException | None",
        trace: "TracebackType | None",
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends the fake, and waits until it has ended. A second call does nothing."""
        self._process.stop()

"""The process `promptbook fake`: its start, its address and its end."""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
from typing import Any, Dict, IO, List, Sequence

from ._command import CommandNotFound, command

MAX_REASON_BYTES = 4096
STOP_TIMEOUT = 5.0


class FakeError(RuntimeError):
    """The fake could not start, refused a call of its control routes, or ended."""


class FakeProcess:
    """A running fake. Its standard input is open until it is to end."""

    def __init__(self, arguments: Sequence[str], executable: "str | None", timeout: float) -> None:
        try:
            program = executable or command()
        except CommandNotFound as error:
            raise FakeError(str(error)) from None
        # Standard error goes to a file, because a pipe would have to be read for as long as the fake runs.
        self._log: IO[bytes] = tempfile.TemporaryFile()
        try:
            self._child = subprocess.Popen(
                [program, "fake", *arguments, "--until-stdin-closes"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
            )
        except OSError as error:
            self._log.close()
            raise FakeError(f"{program} cannot be run: {error}") from error
        try:
            self.address = self._read_address(timeout)
        except BaseException:
            self.stop()
            raise

    def _read_address(self, timeout: float) -> Dict[str, str]:
        """Returns the line that the fake prints, or raises its reason."""
        lines: List[bytes] = []

        def read() -> None:
            assert self._child.stdout is not None
            lines.append(self._child.stdout.readline())

        # A thread, because files of processes have no timeouts that work on every system.
        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        reader.join(timeout)
        if not lines:
            self._child.kill()
            reader.join()
            raise FakeError(f"promptbook fake did not start within {timeout:g} s{self._said()}")
        try:
            line: Any = json.loads(lines[0])
        except ValueError:
            line = None
        if not isinstance(line, dict):
            self._wait()
            raise FakeError(
                f"promptbook fake ended with status {self._child.poll()} before it started{self._said()}"
            )
        if "url" not in line:
            error = line.get("error", {})
            hint = f" ({error['hint']})" if error.get("hint") else ""
            raise FakeError(f"promptbook fake cannot start: {error.get('message', line)}{hint}")
        return {name: str(line[name]) for name in ("url", "key", "control")}

    def ended(self) -> "str | None":
        """Returns how the fake ended, or `None` while it runs."""
        status = self._child.poll()
        if status is None:
            return None
        return f"promptbook fake ended with status {status}{self._said()}"

    def _said(self) -> str:
        """Returns the end of what the fake wrote to standard error, for a message."""
        if self._log.closed:
            return ""
        size = self._log.seek(0, 2)
        self._log.seek(max(0, size - MAX_REASON_BYTES))
        text = self._log.read().decode(errors="replace").strip()
        return f":\n{text}" if text else ""

    def _wait(self) -> None:
        try:
            self._child.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def stop(self) -> None:
        """Ends the fake, and waits until it has ended. A second call does nothing."""
        for pipe in (self._child.stdin, self._child.stdout):
            # Its own end of the pipe may be gone.
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    pass
        # A process that this one forked may keep the input open.
        self._child.terminate()
        self._wait()
        self._log.close()

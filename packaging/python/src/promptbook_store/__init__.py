"""The command `promptbook`, and a fake Helicone for tests.

`promptbook_store.testing` starts the fake. The pytest plugin gives tests the fixture `helicone`.
"""

from __future__ import annotations

from ._command import CommandNotFound, command

__all__ = ["CommandNotFound", "command"]

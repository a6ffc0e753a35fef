"""A fake Helicone for tests.

    from promptbook_store.testing import Fake

    with Fake("prompts.json") as fake:
        app = App(base_url=fake.url, api_key=fake.key)
        fake.fault("fail", status=503, error="Try again", times=2)
        app.greet("Ada")
        fake.assert_called("POST /v1/prompt-2025/query/production-version", times=3)

The fake is a process of its own on this machine. It ends with the context, and with this process,
even if that is killed. The page "Faking Helicone in tests" of promptbook describes what it does.
"""

from __future__ import annotations

from ._calls import format_calls
from ._process import FakeError
from ._world import World
from ._fake import Fake

__all__ = ["Fake", "FakeError", "World", "format_calls"]

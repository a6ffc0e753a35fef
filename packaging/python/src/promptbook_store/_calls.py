"""The calls of a fake as text, for a person whose test failed."""

from __future__ import annotations

import json
from typing import Any, Iterable, Mapping

MAX_CHARACTERS = 2000


def format_calls(calls: Iterable[Mapping[str, Any]]) -> str:
    """Returns calls as `World.calls` returns them, each as a few lines of text."""
    lines = [line for call in calls for line in _lines(call)]
    return "\n".join(lines) if lines else "no call was made"


def _lines(call: Mapping[str, Any]) -> Iterable[str]:
    fault = f" (fault: {_short(call['fault'])})" if call.get("fault") else ""
    query = f"?{call['query']}" if call.get("query") else ""
    yield f"{call['number']}. {call['method']} {call['path']}{query}: {call['status']}{fault}"
    for name in ("json", "text"):
        if call.get(name) is not None:
            yield f"   sent {_short(call[name])}"
    gateway = call.get("gateway")
    if gateway:
        names = [f"{name} {gateway[name]}" for name in ("prompt_id", "number", "environment") if gateway.get(name)]
        yield f"   merged ({', '.join(names)}) {_short(gateway['request'])}"
        if gateway.get("unfilled"):
            yield f"   unfilled {_short(gateway['unfilled'])}"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if len(text) <= MAX_CHARACTERS:
        return text
    return f"{text[:MAX_CHARACTERS]}… ({len(text)} characters)"

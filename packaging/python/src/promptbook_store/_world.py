"""A world of a fake: its address, and calls of its control routes."""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta, timezone
from http.client import HTTPException
from typing import Any, Callable, Dict, List, Mapping, Sequence, Union
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import ProxyHandler, Request, build_opener

from ._process import FakeError

CALL_TIMEOUT = 30.0
JsonObject = Dict[str, Any]
Fixtures = Union[Mapping[str, Any], Sequence[Any]]
FixturesOrPath = Union[Fixtures, str, "os.PathLike[str]"]

# The fake is on this machine, so no proxy is needed.
_opener = build_opener(ProxyHandler({}))


class World:
    """What one key of a fake sees: prompts, faults, answers of models, calls and a clock.

    `url` and `key` are for the client under test. `control` is the URL of the control routes.
    Every method raises `FakeError` with the fake's reason if the fake refuses the call.
    """

    url: str
    key: str
    control: str

    def __init__(self, address: Mapping[str, str], ended: "Callable[[], str | None]") -> None:
        self.url = address["url"]
        self.key = address["key"]
        self.control = address["control"]
        self._ended = ended

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.url} {self.key}>"

    def request(self, method: str, path: str, body: Any = None) -> Any:
        """Calls a control route, such as `"POST", "faults"`, and returns its `data`."""
        request = Request(
            f"{self.control}/{path}" if path else self.control,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"},
        )
        try:
            with _opener.open(request, timeout=CALL_TIMEOUT) as response:
                answer = response.read()
        except HTTPError as error:
            with error:
                answer = error.read()
        except (OSError, HTTPException) as error:
            reason = self._ended() or f"promptbook fake does not answer at {self.control}: {error}"
            raise FakeError(reason) from error
        found = json.loads(answer)
        if found.get("error") is not None:
            raise _Refused(found["error"])
        return found["data"]

    def reset(self) -> None:
        """Returns to the start: fixtures, ids, time, no faults, no answers of models, no calls."""
        self.request("POST", "reset")

    def load(self, fixtures: Fixtures) -> None:
        """Replaces the prompts by those of `fixtures`, and resets the world to them."""
        self.request("PUT", "fixtures", fixtures)

    def fixtures(self) -> JsonObject:
        """Returns the current prompts, in the format of fixtures."""
        found: JsonObject = self.request("GET", "fixtures")
        return found

    def fault(self, kind: str = "fail", **members: Any) -> None:
        """Adds a fault: `"fail"` with `status` and `error`, `"timeout"`, `"delay"` with `delay_ms`,
        `"close"` or `"cut"`; each with `route` and `times` (`None`: always), if given."""
        self.request("POST", "faults", {"kind": kind, **members})

    def complete(self, text: "str | None" = None, **members: Any) -> None:
        """Adds an answer to requests for models: a text, or the members of `POST completions`."""
        if text is not None:
            members = {"text": text, **members}
        self.request("POST", "completions", members)

    def calls(self, route: "str | None" = None) -> List[JsonObject]:
        """Returns the calls that clients made, or those of one route."""
        query = f"?route={quote(route)}" if route else ""
        found: List[JsonObject] = self.request("GET", f"calls{query}")["calls"]
        return found

    def assert_called(self, route: str, times: "int | Mapping[str, int] | None" = None, **members: Any) -> int:
        """Returns how often a route was called. `json` and `gateway` limit which calls count.

        Raises `AssertionError` with all calls and the first difference if the number is not
        `times`: a number, or `{"at_least": 1, "at_most": 3}`; by default at least 1.
        """
        __tracebackhide__ = True
        expected: JsonObject = {"route": route, **members}
        if times is not None:
            expected["times"] = times
        return self._assert(expected)

    def assert_order(self, *calls: Mapping[str, Any], **members: Any) -> int:
        """Returns the number of calls, if they were made in this order, with any others between.

        Each is such as `{"route": …, "json": …}`. Raises `AssertionError` as `assert_called` does.
        """
        __tracebackhide__ = True
        return self._assert({"order": list(calls), **members})

    def _assert(self, expected: JsonObject) -> int:
        __tracebackhide__ = True
        try:
            count: int = self.request("POST", "calls/assert", expected)["count"]
        except _Refused as refused:
            raise AssertionError(str(refused)) from None
        return count

    def now(self) -> datetime:
        """Returns the time of the world's clock."""
        return _moment(self.request("GET", "clock"))

    def set_time(self, now: datetime) -> datetime:
        """Sets the clock to a time with a zone, and returns it."""
        if now.tzinfo is None:
            raise ValueError(f"{now} has no time zone; add tzinfo=timezone.utc")
        return _moment(self.request("PUT", "clock", {"now": now.isoformat()}))

    def advance(self, by: "timedelta | float") -> datetime:
        """Advances the clock by a duration, or by seconds, and returns the time."""
        seconds = by.total_seconds() if isinstance(by, timedelta) else by
        return _moment(self.request("PUT", "clock", {"advance_ms": round(seconds * 1000)}))

    def world(self, key: "str | None" = None) -> "World":
        """Returns a new world, with a key of its own, that begins as this one does after a reset."""
        address = self.request("POST", "worlds", {"key": key} if key else {})
        return World(address, self._ended)

    def end(self) -> None:
        """Ends this world. Its key is refused from then on."""
        self.request("DELETE", "worlds")


class _Refused(FakeError):
    """The fake refused a call of a control route."""


def _moment(clock: JsonObject) -> datetime:
    text: str = clock["now"]
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment.astimezone(timezone.utc)

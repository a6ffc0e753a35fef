"""Makes the calls on standard input with Helicone's Python client, through each of its two halves, and prints the answers.

Input: {"url", "key", "calls": [{"do", "params"}]}. Output: for each call [synchronous answer, asynchronous answer]. An
exception becomes {"raised": text}.
"""

import asyncio
import contextlib
import dataclasses
import inspect
import json
import sys

from helicone_helpers import HeliconePromptManager


def fill(manager, params, pull):
    """Renders a body after filling its partials, as the client's documentation describes. `pull` fetches a body."""
    body = yield pull(params)
    inputs = {}
    for partial in manager.extract_prompt_partials(body):
        wish = {"prompt_id": partial.prompt_id, "environment": partial.environment}
        source = yield pull(wish)
        inputs[partial.raw] = manager.get_prompt_partial_substitution_value(partial, source)
    return manager.merge_prompt_body(params, body, inputs)


async def run(steps):
    """Runs a generator, and awaits the awaitable values that it yields."""
    given = None
    while True:
        try:
            given = steps.send(given)
        except StopIteration as end:
            return end.value
        if inspect.isawaitable(given):
            given = await given


async def ask(manager, call, prefix):
    try:
        if call["do"] == "fill":
            pull = getattr(manager, prefix + "pull_prompt_body")
            return await run(fill(manager, call["params"], pull))
        answer = getattr(manager, prefix + call["do"])(call["params"])
        return await answer if inspect.isawaitable(answer) else answer
    except Exception as error:
        return {"raised": str(error)}


async def main():
    asked = json.load(sys.stdin)
    answers = []
    # The client prints its exceptions, which must not be mixed with the answers.
    with contextlib.redirect_stdout(sys.stderr):
        async with HeliconePromptManager(asked["key"], asked["url"]) as manager:
            for call in asked["calls"]:
                answers.append([await ask(manager, call, prefix) for prefix in ("", "a")])
    json.dump(answers, sys.stdout, default=dataclasses.asdict)


asyncio.run(main())

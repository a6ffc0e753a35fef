"""Calls of OpenAI's client for Python, as one JSON object on standard output."""

import asyncio
import json
import sys

from openai import APIError, AsyncOpenAI, BadRequestError, OpenAI, RateLimitError

url, key = sys.argv[1:]
client = OpenAI(base_url=url + "/v1", api_key=key, max_retries=0)
prompt = {"prompt_id": "greet1", "environment": "staging", "inputs": {"name": "Ada"}}
ask = {"model": "gpt-4o", "messages": [], "extra_body": prompt}
found = {}

raw = client.chat.completions.with_raw_response.create(**ask)
found["number"] = raw.headers["promptbook-number"]
found["plain"] = raw.parse().choices[0].message.content
found["usage"] = raw.parse().usage.total_tokens

chunks = list(client.chat.completions.create(**ask, stream=True))
found["stream"] = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
found["stream_usage"] = chunks[-1].usage.total_tokens

with client.chat.completions.stream(**ask) as stream:
    stream.until_done()
    message = stream.get_final_completion().choices[0].message
    call = message.tool_calls[0]
    found["tools"] = [call.function.name, json.loads(call.function.arguments)]

response = client.responses.create(model="gpt-4o", input="Hi", extra_body=prompt)
found["response"] = response.output_text
with client.responses.stream(model="gpt-4o", input="Hi", extra_body=prompt) as stream:
    deltas = [event.delta for event in stream if event.type == "response.output_text.delta"]
    found["response_stream"] = ["".join(deltas), stream.get_final_response().output_text]

try:
    client.chat.completions.create(**ask)
except RateLimitError as error:
    found["limit"] = [error.message, error.response.headers["retry-after"]]

try:
    client.chat.completions.create(model="gpt-4o", messages=[], extra_body={"prompt_id": "nobody"})
except BadRequestError as error:
    found["unknown"] = error.response.json()

try:
    for chunk in client.chat.completions.create(**ask, stream=True):
        pass
    found["cut"] = "no error"
except Exception as error:
    found["cut"] = type(error).__name__


async def asynchronously():
    async with AsyncOpenAI(base_url=url + "/v1", api_key=key) as client:
        answers = await asyncio.gather(*(client.chat.completions.create(**ask) for _ in range(8)))
        return {answer.choices[0].message.content for answer in answers}


found["asynchronous"] = list(asyncio.run(asynchronously()))
json.dump(found, sys.stdout)

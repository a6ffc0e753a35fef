"""Reads a stream that fails in the middle by OpenAI's client for Python."""

import json
import sys

from openai import APIError, OpenAI

url, key = sys.argv[1:]
client = OpenAI(base_url=url + "/v1", api_key=key, max_retries=0)
found = {"texts": []}
try:
    for chunk in client.chat.completions.create(model="m", messages=[], stream=True):
        found["texts"].append(chunk.choices[0].delta.content)
except APIError as error:
    found["error"] = [error.message, error.code]
try:
    for event in client.responses.create(model="m", input="Hi", stream=True):
        pass
except APIError as error:
    found["responses_error"] = [error.message, error.code]
json.dump(found, sys.stdout)

"""What the tests of the package share."""

from __future__ import annotations

import json
from typing import Any, Dict, Tuple
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

PRODUCTION = "POST /v1/prompt-2025/query/production-version"
GREETING: Dict[str, Any] = {
    "prompts": [
        {
            "id": "greet1",
            "name": "greeting",
            "versions": [
                {
                    "environments": ["production"],
                    "body": {"model": "gpt-4o", "messages": [{"role": "user", "content": "Greet {{hc:name:string}}."}]},
                }
            ],
        }
    ]
}


def post(url: str, key: str, path: str, body: Any) -> Tuple[int, Any]:
    """Calls a route as a client does, and returns the status and the JSON of the answer."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = Request(url + path, method="POST", data=json.dumps(body).encode(), headers=headers)
    try:
        with build_opener(ProxyHandler({})).open(request, timeout=10) as response:
            return response.status, json.load(response)
    except HTTPError as error:
        with error:
            return error.code, json.load(error)


def production(world: Any, prompt: str = "greet1") -> Tuple[int, Any]:
    """Asks for the version of a prompt in production."""
    return post(world.url, world.key, PRODUCTION.split()[1], {"promptId": prompt})


def chat(world: Any, name: str) -> str:
    """Returns a model's answer to the greeting of a name."""
    body = {"prompt_id": "greet1", "messages": [], "inputs": {"name": name}}
    status, answer = post(world.url, world.key, "/v1/chat/completions", body)
    assert status == 200, answer
    content: str = answer["choices"][0]["message"]["content"]
    return content

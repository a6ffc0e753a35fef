import json
import subprocess
from pathlib import Path

import pytest
import requests

import app

FIXTURES = Path(__file__).with_name("prompts.json")
PRODUCTION = "POST /v1/prompt-2025/query/production-version"


@pytest.fixture(scope="session")
def fake():
    """A fake Helicone, which ends when its standard input is closed."""
    command = ["promptbook", "fake", "--fixtures", FIXTURES, "--until-stdin-closes"]
    try:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    except FileNotFoundError:
        pytest.fail("the command promptbook is not installed", pytrace=False)
    with process:
        # One line: the fake's address, or the reason why it cannot start.
        line = json.loads(process.stdout.readline() or "{}")
        if "url" not in line:
            reason = line.get("error", {}).get("message", "it ended without a word")
            pytest.fail(f"promptbook fake cannot start: {reason}", pytrace=False)
        yield line
        process.stdin.close()


@pytest.fixture(autouse=True)
def control(fake, monkeypatch, request):
    """Points the app to the fake and resets the fake; a call of it controls the fake."""
    monkeypatch.setenv("HELICONE_API_KEY", fake["key"])
    monkeypatch.setenv("HELICONE_BASE_URL", fake["url"])

    def call(method, path, body=None):
        headers = {"Authorization": f"Bearer {fake['key']}"}
        answer = requests.request(method, f"{fake['control']}/{path}", json=body, headers=headers)
        assert answer.ok, answer.text
        return answer.json()["data"]

    call("POST", "reset")
    failed = request.session.testsfailed
    yield call
    if request.session.testsfailed > failed:
        print("The calls of the fake:", *call("GET", "calls")["calls"], sep="\n")


def test_fills_in_the_prompt_in_production(control):
    request = app.chat_request(12, "When is breakfast?")
    assert request["messages"] == [
        {"role": "system", "content": "You answer the guests of The Globe."},
        {"role": "user", "content": "Room 12: When is breakfast?"},
    ]
    control("POST", "calls/assert", {"route": PRODUCTION, "times": 1})


def test_falls_back_while_helicone_is_down(control):
    control("POST", "faults", {"kind": "fail", "status": 503, "error": "Try again later", "route": PRODUCTION})
    assert app.chat_request(12, "When is breakfast?")["model"] == "gpt-4o-mini"
    assert app.chat_request(12, "When is breakfast?")["model"] == "gpt-4o"


def test_reports_a_room_that_is_no_number():
    with pytest.raises(ValueError, match="room"):
        app.chat_request("attic", "When is breakfast?")

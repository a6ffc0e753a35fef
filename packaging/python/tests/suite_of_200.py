"""200 tests that change their world and check that it is theirs alone."""

import pytest
from clients import GREETING, PRODUCTION, chat, production


@pytest.mark.parametrize("number", range(200))
def test_greeting(helicone, number):
    assert helicone.calls() == []
    assert [prompt["id"] for prompt in helicone.fixtures()["prompts"]] == ["greet1"]
    assert production(helicone)[0] == 200
    helicone.complete(f"Hello {number}")
    helicone.fault("fail", status=500 + number % 4, error=f"fault {number}", route=PRODUCTION)
    assert production(helicone) == (500 + number % 4, {"data": None, "error": f"fault {number}"})
    assert chat(helicone, f"guest {number}") == f"Hello {number}"
    helicone.assert_called(PRODUCTION, times=2)
    (call,) = helicone.calls("POST /v1/chat/completions")
    assert call["gateway"]["inputs"] == {"name": f"guest {number}"}
    # What remains must not reach another test.
    helicone.load({"prompts": [{**GREETING["prompts"][0], "id": f"own{number:03}"}]})
    helicone.complete(f"left by {number}", times=None)
    helicone.fault("fail", status=599, error=f"left by {number}", times=None)
    helicone.advance(3600)

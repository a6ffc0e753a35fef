import pytest

import app

PRODUCTION = "POST /v1/prompt-2025/query/production-version"


@pytest.fixture(autouse=True)
def fake(helicone):
    """No test reaches Helicone: the app finds the fake in its environment."""


def test_fills_in_the_prompt_in_production(helicone):
    request = app.chat_request(12, "When is breakfast?")
    assert request["messages"] == [
        {"role": "system", "content": "You answer the guests of The Globe."},
        {"role": "user", "content": "Room 12: When is breakfast?"},
    ]
    helicone.assert_called(PRODUCTION, times=1)


@pytest.mark.helicone_fault("fail", status=503, error="Try again later", route=PRODUCTION)
def test_falls_back_while_helicone_is_down():
    assert app.chat_request(12, "When is breakfast?")["model"] == "gpt-4o-mini"
    assert app.chat_request(12, "When is breakfast?")["model"] == "gpt-4o"


def test_reports_a_room_that_is_no_number():
    with pytest.raises(ValueError, match="room"):
        app.chat_request("attic", "When is breakfast?")

"""The front desk of a hotel: a model answers its guests, by a prompt that Helicone keeps."""

import os

from helicone_helpers import HeliconePromptManager

HOTEL = "The Globe"


def chat_request(room, question):
    """Returns the request for the model: the prompt in production, filled in, or a plain one while Helicone is down."""
    prompts = HeliconePromptManager(os.environ["HELICONE_API_KEY"], os.environ["HELICONE_BASE_URL"])
    inputs = {"hotel": HOTEL, "room": room, "question": question}
    try:
        result = prompts.get_prompt_body({"prompt_id": "desk01", "inputs": inputs})
    except Exception:  # The client raises nothing more specific.
        return {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": f"Room {room} of {HOTEL}: {question}"}]}
    if result["errors"]:
        raise ValueError(f"the prompt cannot be filled in: {result['errors']}")
    return result["body"]

"""Calls of LiteLLM and of LlamaIndex's Helicone LLM, as one JSON object on standard output."""

import contextlib
import json
import os
import sys

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
# LlamaIndex passes its key in a header, and the client below it requires this too.
os.environ["OPENAI_API_KEY"] = "unused"

url, key = sys.argv[1:]
prompt = {"prompt_id": "greet1", "environment": "staging", "inputs": {"name": "Ada"}}
found = {}

# The libraries print what they think.
with contextlib.redirect_stdout(sys.stderr):
    import litellm
    from litellm.integrations.generic_prompt_management.generic_prompt_manager import (
        GenericPromptManager,
    )
    from llama_index.core.llms import ChatMessage
    from llama_index.llms.helicone import Helicone

    ask = {
        "model": "helicone/gpt-4o",
        "api_base": url + "/v1",
        "api_key": key,
        "messages": [],
        "extra_body": prompt,
    }
    found["completion"] = litellm.completion(**ask).choices[0].message.content
    chunks = litellm.completion(**ask, stream=True)
    found["stream"] = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)

    manager = GenericPromptManager(
        api_base=url,
        api_key=key,
        prompt_id="greet1",
        additional_provider_specific_query_params={"environment": "staging"},
    )
    messages = [{"role": "user", "content": "And you?"}]
    model, messages, params = manager.get_chat_completion_prompt(
        "gpt-4o", messages, {}, "greet1", {"name": "Ada"}, {}
    )
    found["managed"] = messages

    llm = Helicone(
        api_key=key,
        api_base=url + "/v1",
        model="gpt-4o",
        is_chat_model=True,
        additional_kwargs={"extra_body": prompt},
    )
    asked = [ChatMessage(role="user", content="And you?")]
    found["llama_index"] = llm.chat(asked).message.content
    found["llama_index_stream"] = "".join(part.delta for part in llm.stream_chat(asked))

json.dump(found, sys.stdout)

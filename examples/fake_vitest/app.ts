// The front desk of a hotel: a model answers its guests, by a prompt that Helicone keeps.

import { HeliconePromptManager } from "@helicone/helpers";
import type { ChatCompletionCreateParams } from "openai/resources/chat/completions";

const HOTEL = "The Globe";
// The client's types require a model, which takes precedence over that of the prompt.
const MODEL = "gpt-4o";

/** Returns the request for the model: the prompt in production, filled in, or a plain one while Helicone is down. */
export async function chatRequest(room: number, question: string): Promise<ChatCompletionCreateParams> {
  const { HELICONE_API_KEY: apiKey = "", HELICONE_BASE_URL: baseUrl } = process.env;
  const prompts = new HeliconePromptManager({ apiKey, baseUrl });
  const params = { prompt_id: "desk01", model: MODEL, inputs: { hotel: HOTEL, room, question } };
  const result = await prompts.getPromptBody(params).catch(() => undefined);
  if (!result) {
    return { model: "gpt-4o-mini", messages: [{ role: "user", content: `Room ${room} of ${HOTEL}: ${question}` }] };
  }
  if (result.errors.length > 0) throw new Error(`the prompt cannot be filled in: ${JSON.stringify(result.errors)}`);
  return result.body;
}

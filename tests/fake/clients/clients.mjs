// Calls of OpenAI's client for Node and of Helicone's provider for the AI SDK, as one JSON object on
// standard output.

import { createHelicone } from "@helicone/ai-sdk-provider";
import { generateText, streamText, tool } from "ai";
import OpenAI from "openai-6";
import { z } from "zod";

const [url, key] = process.argv.slice(2);
const prompt = { prompt_id: "greet1", environment: "staging", inputs: { name: "Ada" } };
const found = {};

const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
const ask = { model: "gpt-4o", messages: [], ...prompt };
const { data, response } = await client.chat.completions.create(ask).withResponse();
found.plain = data.choices[0].message.content;
found.number = response.headers.get("promptbook-number");

let text = "";
let usage;
for await (const chunk of await client.chat.completions.create({ ...ask, stream: true })) {
  text += chunk.choices[0]?.delta.content ?? "";
  usage = chunk.usage ?? usage;
}
found.stream = text;
found.stream_usage = usage.total_tokens;

const final = await client.chat.completions.stream(ask).finalMessage();
const { name, arguments: given } = final.tool_calls[0].function;
found.tools = [name, JSON.parse(given)];

const responded = await client.responses.create({ model: "gpt-4o", input: "Hi", ...prompt });
found.response = responded.output_text;
const events = client.responses.stream({ model: "gpt-4o", input: "Hi", ...prompt });
text = "";
for await (const event of events) {
  if (event.type === "response.output_text.delta") text += event.delta;
}
found.response_stream = [text, (await events.finalResponse()).output_text];

try {
  await client.chat.completions.create(ask);
} catch (error) {
  found.limit = [error.constructor.name, error.error.message];
}

const helicone = createHelicone({ apiKey: key, baseURL: url });
const model = () =>
  helicone("gpt-4o", { promptId: "greet1", inputs: { name: "Ada" }, environment: "staging" });
const messages = [{ role: "user", content: "unused" }];
const generated = await generateText({ model: model(), messages });
found.generated = generated.text;
found.generated_usage = generated.usage.totalTokens;

const streamed = streamText({ model: model(), messages });
text = "";
for await (const part of streamed.textStream) text += part;
found.streamed = text;

const lookup = tool({ description: "", inputSchema: z.object({ a: z.number() }) });
const called = await generateText({ model: model(), messages, tools: { lookup } });
found.called = called.toolCalls.map((call) => [call.toolName, call.input]);

console.log(JSON.stringify(found));

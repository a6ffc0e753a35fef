// Makes the calls on standard input with Helicone's client for TypeScript, and prints the answers.
//
// Input: {"url", "key", "calls": [{"do", "params"}]}, with the calls of the Python client. An exception
// becomes {"raised": text}.

import { readFileSync } from "node:fs";
import { HeliconePromptManager } from "@helicone/helpers";

const { url, key, calls } = JSON.parse(readFileSync(0, "utf8"));
const manager = new HeliconePromptManager({ apiKey: key, baseUrl: url });
// The client logs its exceptions, which must not be mixed with the answers.
console.log = console.error;
const answers = [];
for (const { do: call, params } of calls) {
  const method = call.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
  try {
    answers.push(await manager[method](params));
  } catch (error) {
    answers.push({ raised: String(error) });
  }
}
process.stdout.write(JSON.stringify(answers));

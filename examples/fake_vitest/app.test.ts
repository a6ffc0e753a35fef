import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { chatRequest } from "./app.js";

const FIXTURES = fileURLToPath(new URL("prompts.json", import.meta.url));
const PRODUCTION = "POST /v1/prompt-2025/query/production-version";

let command: ChildProcess;
let fake: { url: string; key: string; control: string };

// A fake Helicone, which ends when its standard input is closed.
beforeAll(async () => {
  const options = ["fake", "--fixtures", FIXTURES, "--until-stdin-closes"];
  const child = spawn("promptbook", options, { stdio: ["pipe", "pipe", "inherit"] });
  command = child;
  // One line: the fake's address, or the reason why it cannot start.
  const line = await new Promise<string>((resolve, reject) => {
    child.once("error", (error) => reject(new Error("the command promptbook cannot be run", { cause: error })));
    child.once("close", (status) => reject(new Error(`promptbook fake ended with status ${status}`)));
    createInterface({ input: child.stdout }).once("line", resolve);
  });
  const { error, ...address } = JSON.parse(line);
  if (error) throw new Error(`promptbook fake cannot start: ${error.message}`);
  fake = address;
  process.env.HELICONE_API_KEY = fake.key;
  process.env.HELICONE_BASE_URL = fake.url;
});
afterAll(() => void command.stdin?.end());
beforeEach(async ({ onTestFailed }) => {
  await control("POST", "reset");
  onTestFailed(async () => console.log("The calls of the fake:", await control("GET", "calls")));
});

async function control(method: string, path: string, body?: object) {
  const headers = { Authorization: `Bearer ${fake.key}`, "Content-Type": "application/json" };
  const answer = await fetch(`${fake.control}/${path}`, { method, headers, body: JSON.stringify(body) });
  const { data, error } = (await answer.json()) as { data: unknown; error: string | null };
  if (error) throw new Error(error);
  return data;
}

test("fills in the prompt in production", async () => {
  const request = await chatRequest(12, "When is breakfast?");
  expect(request.messages).toEqual([
    { role: "system", content: "You answer the guests of The Globe." },
    { role: "user", content: "Room 12: When is breakfast?" },
  ]);
  await control("POST", "calls/assert", { route: PRODUCTION, times: 1 });
});

test("falls back while Helicone is down", async () => {
  await control("POST", "faults", { kind: "fail", status: 503, error: "Try again later", route: PRODUCTION });
  expect((await chatRequest(12, "When is breakfast?")).model).toBe("gpt-4o-mini");
  expect((await chatRequest(12, "When is breakfast?")).model).toBe("gpt-4o");
});

test("reports a room that is no number", async () => {
  await expect(chatRequest("attic" as never, "When is breakfast?")).rejects.toThrow("room");
});

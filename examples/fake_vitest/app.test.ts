import { expect, test } from "vitest";
import { useHelicone } from "promptbook-store/vitest";
import { chatRequest } from "./app.js";

const PRODUCTION = "POST /v1/prompt-2025/query/production-version";

// No test reaches Helicone: the app finds the fake in its environment.
const helicone = useHelicone({ fixtures: new URL("prompts.json", import.meta.url) });

test("fills in the prompt in production", async () => {
  const request = await chatRequest(12, "When is breakfast?");
  expect(request.messages).toEqual([
    { role: "system", content: "You answer the guests of The Globe." },
    { role: "user", content: "Room 12: When is breakfast?" },
  ]);
  await helicone.assertCalled(PRODUCTION, { times: 1 });
});

test("falls back while Helicone is down", async () => {
  await helicone.fault({ kind: "fail", status: 503, error: "Try again later", route: PRODUCTION });
  expect((await chatRequest(12, "When is breakfast?")).model).toBe("gpt-4o-mini");
  expect((await chatRequest(12, "When is breakfast?")).model).toBe("gpt-4o");
});

test("reports a room that is no number", async () => {
  await expect(chatRequest("attic" as never, "When is breakfast?")).rejects.toThrow("room");
});
